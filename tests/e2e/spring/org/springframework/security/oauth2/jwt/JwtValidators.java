package org.springframework.security.oauth2.jwt;

import java.util.Map;
import java.util.function.Consumer;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;

public final class JwtValidators {

    public static AtJwtBuilder createAtJwtValidator() { return null; }
    public static final class AtJwtBuilder {
        public AtJwtBuilder issuer(String issuer) { return this; }
        public AtJwtBuilder audience(String audience) { return this; }
        public AtJwtBuilder validators(Consumer<Map<String, OAuth2TokenValidator<Jwt>>> c) { return this; }
        public OAuth2TokenValidator<Jwt> build() { return null; }
    }
}
