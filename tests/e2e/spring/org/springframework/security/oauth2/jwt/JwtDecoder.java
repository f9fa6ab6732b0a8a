package org.springframework.security.oauth2.jwt;

public interface JwtDecoder { Jwt decode(String token); }
