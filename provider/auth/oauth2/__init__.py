"""OAuth 2.0 with Authlib, for our clients and tokens; stricter where Authlib allows more than the standards.

RFC 6749 (grants), 7636 (PKCE), 7009 (revocation), 7662 (introspection), 9700 (security).
"""
