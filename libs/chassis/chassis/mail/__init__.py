"""Mail: composing messages and handing them over, to an SMTP server or into a folder. Knows no reason to write."""
