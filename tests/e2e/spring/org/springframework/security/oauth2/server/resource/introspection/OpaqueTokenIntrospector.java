package org.springframework.security.oauth2.server.resource.introspection;

import org.springframework.security.oauth2.core.OAuth2AuthenticatedPrincipal;

public interface OpaqueTokenIntrospector { OAuth2AuthenticatedPrincipal introspect(String token); }
