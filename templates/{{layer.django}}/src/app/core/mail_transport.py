"""Delivers mail by the backend of Django's MAILERS setting."""

from email.message import EmailMessage

from django.core import mail as django_mail

# Django's message adds these itself.
_ADDED = {"subject", "from", "to", "content-type", "content-transfer-encoding", "mime-version"}


def send(mail: EmailMessage) -> None:
    message = django_mail.EmailMessage(
        subject=str(mail["Subject"]),
        body=mail.get_content(),
        from_email=str(mail["From"]),
        to=[str(mail["To"])],
        headers={name: str(mail[name]) for name in mail if name.lower() not in _ADDED},
    )
    with django_mail.mailers.default as mailer:  # closes the connection when opening it failed
        mailer.send_messages([message])
