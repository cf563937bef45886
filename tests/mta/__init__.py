"""Real mailers that call mailscan as the printed snippets say: rows (mailers) × columns (what happens to a mail)."""
