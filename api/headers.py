"""The headers that guard a response."""


def write_policy(*style_sources: str) -> str:
    """The Content-Security-Policy: everything from here alone, and styles from `style_sources` too.

    No inline script, no plug-in, no frame: what is smuggled into a page neither runs nor draws. Styles that our scripts
    set through the CSSOM are allowed.
    """
    styles = " ".join(["'self'", *style_sources])
    return (
        f"default-src 'self'; script-src 'self'; style-src {styles}; img-src 'self' data: blob:; connect-src 'self'; "
        "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


# The token of a ticket stands in its page's address: it must not leave in a referrer or stay in a shared cache.
SECURITY_HEADERS = {
    "Content-Security-Policy": write_policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Only where the answer came over TLS: elsewhere browsers ignore it, and on a machine of one's own it would lock out
# whatever else runs there without TLS.
HSTS = "max-age=31536000; includeSubDomains"
NO_STORE = "no-store"
