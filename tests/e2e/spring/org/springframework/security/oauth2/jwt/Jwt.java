package org.springframework.security.oauth2.jwt;

public class Jwt { }
