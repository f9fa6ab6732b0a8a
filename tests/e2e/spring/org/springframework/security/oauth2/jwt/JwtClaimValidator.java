package org.springframework.security.oauth2.jwt;

import java.util.function.Predicate;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;

public final class JwtClaimValidator<T> implements OAuth2TokenValidator<Jwt> {

    public JwtClaimValidator(String claim, Predicate<T> test) { }
    public Object validate(Jwt token) { return null; }
}
