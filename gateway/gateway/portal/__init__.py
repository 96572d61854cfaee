"""The web portal: pages for people with a browser, signed in by a cookie that the API never reads."""
