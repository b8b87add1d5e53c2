from django.db.backends.postgresql import base, features


class DatabaseFeatures(features.DatabaseFeatures):
    # Django would shorten "GROUP BY id, name" to "GROUP BY id". PostgreSQL refuses that where `id`
    # is not the whole primary key: see app.core.db.policies.primary_key.
    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
