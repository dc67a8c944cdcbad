"""OAuth 2.0 by Authlib, on our clients and tokens, and stricter where Authlib is laxer than the standards.

RFC 6749 (grants), 7636 (PKCE), 7009 (revocation), 7662 (introspection), 9700 (security).
"""
