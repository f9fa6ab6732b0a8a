package org.springframework.security.config.annotation.web.configurers.oauth2.server.resource;

import org.springframework.security.config.Customizer;

public final class OAuth2ResourceServerConfigurer<H> {

    public OAuth2ResourceServerConfigurer<H> jwt(Customizer<JwtConfigurer> c) { return this; }
    public OAuth2ResourceServerConfigurer<H> opaqueToken(Customizer<OpaqueTokenConfigurer> c) { return this; }
    public class JwtConfigurer { }
    public class OpaqueTokenConfigurer { }
}
