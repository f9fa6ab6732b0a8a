package org.springframework.http;

public final class HttpMethod { public static final HttpMethod GET = null, POST = null; }
