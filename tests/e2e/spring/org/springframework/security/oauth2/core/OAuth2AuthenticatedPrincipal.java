package org.springframework.security.oauth2.core;

public interface OAuth2AuthenticatedPrincipal { <A> A getAttribute(String name); }
