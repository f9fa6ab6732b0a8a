package org.springframework.security.oauth2.jose.jws;

public enum SignatureAlgorithm { RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512 }
