package org.springframework.security.oauth2.server.resource.introspection;

public class BadOpaqueTokenException extends RuntimeException { public BadOpaqueTokenException(String message) { } }
