package org.springframework.security.oauth2.core;

public interface OAuth2TokenValidator<T> { Object validate(T token); }
