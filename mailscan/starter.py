"""The starter policy as Python, so that a site without a policy file does not pay for reading TOML at every mail.

`starter.toml` is what people read and `mailscan init` writes; a test holds the two equal.
"""

TABLES: dict[str, object] = {
    "filter": [
        {"use": "match", "recipients": ["postmaster", "abuse"], "action": "accept"},
        {
            "use": "spamtrap",
            "local_parts": ["spamtrap"],
            "domains": ["example.com"],
            "action": "reject",
            "reply": "Spam not wanted here",
        },
        {
            "use": "subject",
            "prefixes": ["ADV:"],
            "action": "reject",
            "reply": "Unsolicited advertising is not wanted here",
        },
        {"use": "attachments", "action": "reject", "reply": "Executable attachments are not accepted here"},
    ]
}
