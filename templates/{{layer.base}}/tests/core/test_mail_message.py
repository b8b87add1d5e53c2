from app.about import NAME
from app.core.mail_message import Link, Message

MESSAGE = Message(
    to="ann@example.com",
    subject="<Hello>",
    body=("You & I", Link("Open <it>", 'https://app.example.com/x?a=1&b="')),
)


def test_text_has_paragraphs_and_links_on_lines_of_their_own() -> None:
    assert MESSAGE.text == (
        f'You & I\n\nOpen <it>:\nhttps://app.example.com/x?a=1&b="\n\n-- \n{NAME}\n'
    )


def test_html_is_escaped() -> None:
    assert "<p>You &amp; I</p>" in MESSAGE.html
    link = 'href="https://app.example.com/x?a=1&amp;b=&quot;">Open &lt;it&gt;</a>'
    assert link in MESSAGE.html
    assert "<title>&lt;Hello&gt;</title>" in MESSAGE.html


def test_links_are_listed() -> None:
    assert MESSAGE.links == ['https://app.example.com/x?a=1&b="']
