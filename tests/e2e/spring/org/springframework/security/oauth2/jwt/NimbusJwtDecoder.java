package org.springframework.security.oauth2.jwt;

import java.util.Set;
import java.util.function.Consumer;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;

public final class NimbusJwtDecoder implements JwtDecoder {

    public static JwkSetUriJwtDecoderBuilder withIssuerLocation(String issuer) { return null; }
    public void setJwtValidator(OAuth2TokenValidator<Jwt> validator) { }
    public Jwt decode(String token) { return null; }
    public static final class JwkSetUriJwtDecoderBuilder {
        public JwkSetUriJwtDecoderBuilder jwsAlgorithms(Consumer<Set<SignatureAlgorithm>> c) { return this; }
        public JwkSetUriJwtDecoderBuilder validateType(boolean validate) { return this; }
        public NimbusJwtDecoder build() { return null; }
    }
}
