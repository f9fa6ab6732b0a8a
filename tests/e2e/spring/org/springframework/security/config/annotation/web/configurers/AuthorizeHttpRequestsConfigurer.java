package org.springframework.security.config.annotation.web.configurers;

import org.springframework.http.HttpMethod;

public final class AuthorizeHttpRequestsConfigurer<H> {

    public final class AuthorizationManagerRequestMatcherRegistry {
        public AuthorizedUrl requestMatchers(HttpMethod method, String... patterns) { return null; }
        public AuthorizedUrl anyRequest() { return null; }
    }
    public class AuthorizedUrl {
        public AuthorizationManagerRequestMatcherRegistry hasAuthority(String authority) { return null; }
        public AuthorizationManagerRequestMatcherRegistry denyAll() { return null; }
    }
}
