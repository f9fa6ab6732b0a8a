package org.springframework.security.oauth2.server.resource.introspection;

import org.springframework.security.oauth2.core.OAuth2AuthenticatedPrincipal;

public class SpringOpaqueTokenIntrospector implements OpaqueTokenIntrospector {

    public static Builder withIntrospectionUri(String uri) { return null; }
    public OAuth2AuthenticatedPrincipal introspect(String token) { return null; }
    public static final class Builder {
        public Builder clientId(String id) { return this; }
        public Builder clientSecret(String secret) { return this; }
        public SpringOpaqueTokenIntrospector build() { return null; }
    }
}
