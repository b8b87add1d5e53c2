"""Delivers mail by the backend of Django's MAILERS setting."""

from email.message import EmailMessage

from django.core import mail as django_mail

# Django's message adds these itself.
_ADDED = {"subject", "from", "to", "content-type", "content-transfer-encoding", "mime-version"}


def send(mail: EmailMessage) -> None:
    text, html = (part.get_content() for part in mail.iter_parts())
    message = django_mail.EmailMultiAlternatives(
        subject=str(mail["Subject"]),
        body=text,
        from_email=str(mail["From"]),
        to=[str(mail["To"])],
        headers={name: str(mail[name]) for name in mail if name.lower() not in _ADDED},
        alternatives=[(html, "text/html")],
    )
    with django_mail.mailers.default as mailer:  # closes the connection when opening it failed
        mailer.send_messages([message])
