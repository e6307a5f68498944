"""The headers that guard a response."""


def write_policy(*style_sources: str) -> str:
    """The Content-Security-Policy: everything from here alone, and styles from `style_sources` too."""
    styles = " ".join(["'self'", *style_sources])
    return (
        f"default-src 'self'; script-src 'self'; style-src {styles}; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


# The token of a ticket stands in its page's address: it must not leave in a referrer or stay in a shared cache.
SECURITY_HEADERS = {
    "Content-Security-Policy": write_policy(),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NO_STORE = "no-store"
