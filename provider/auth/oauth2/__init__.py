"""OAuth 2.0 by Authlib, on our clients, tokens and grants, and a cure for what it is lax about.

RFC 6749 (grants), 7636 (PKCE), 7009 (revocation), 7662 (introspection), 9700 (security).
"""
