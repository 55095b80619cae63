//! How callers prove who they are.
//!
//! Source: A2A 1.0, section 4.5.

use mcp_core::protocol::JsonMap;

mcp_core::wire! {
    /// Schemes that are needed together, each with the scopes that are.
    pub struct SecurityRequirement {
        required {}
        optional {
            /// The schemes by their names on the card.
            schemes: JsonMap<StringList> = "schemes" => with_schemes,
        }
    }
}

mcp_core::wire! {
    /// A list of strings, in an object as Protocol Buffers want it.
    pub struct StringList {
        required {}
        optional {
            /// The strings.
            list: Vec<String> = "list" => with_list,
        }
    }
}

mcp_core::wire! {
    /// A way to prove who one is: exactly one of these members is there.
    pub struct SecurityScheme {
        required {}
        optional {
            /// A key that was handed out.
            api_key: ApiKeySecurityScheme = "apiKeySecurityScheme" => with_api_key,
            /// HTTP authentication.
            http_auth: HttpAuthSecurityScheme = "httpAuthSecurityScheme" => with_http_auth,
            /// OAuth 2.
            oauth2: OAuth2SecurityScheme = "oauth2SecurityScheme" => with_oauth2,
            /// OpenID Connect.
            open_id_connect: OpenIdConnectSecurityScheme = "openIdConnectSecurityScheme" => with_open_id_connect,
            /// Certificates on both sides.
            mutual_tls: MutualTlsSecurityScheme = "mtlsSecurityScheme" => with_mutual_tls,
        }
    }
}

mcp_core::wire! {
    /// A key that was handed out.
    pub struct ApiKeySecurityScheme {
        required {
            /// Where it is sent: `query`, `header` or `cookie`.
            location: String = "location",
            /// The name under which it is sent.
            name: String = "name",
        }
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
        }
    }
}

mcp_core::wire! {
    /// HTTP authentication.
    pub struct HttpAuthSecurityScheme {
        required {
            /// The scheme's name, such as `Bearer`.
            scheme: String = "scheme",
        }
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
            /// What the tokens are, such as `JWT`.
            bearer_format: String = "bearerFormat" => with_bearer_format,
        }
    }
}

mcp_core::wire! {
    /// OAuth 2.
    pub struct OAuth2SecurityScheme {
        required {
            /// The ways to a token.
            flows: OAuthFlows = "flows",
        }
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
            /// The authorization server's metadata (RFC 8414).
            oauth2_metadata_url: String = "oauth2MetadataUrl" => with_oauth2_metadata_url,
        }
    }
}

mcp_core::wire! {
    /// OpenID Connect.
    pub struct OpenIdConnectSecurityScheme {
        required {
            /// The provider's discovery document.
            open_id_connect_url: String = "openIdConnectUrl",
        }
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
        }
    }
}

mcp_core::wire! {
    /// Certificates on both sides.
    pub struct MutualTlsSecurityScheme {
        required {}
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
        }
    }
}

mcp_core::wire! {
    /// A way to a token of OAuth 2: one of these members is there. The two that are deprecated, `implicit` and `password`, are
    /// kept in `extra`.
    pub struct OAuthFlows {
        required {}
        optional {
            /// By an authorization code.
            authorization_code: AuthorizationCodeOAuthFlow = "authorizationCode" => with_authorization_code,
            /// By the client's own credentials.
            client_credentials: ClientCredentialsOAuthFlow = "clientCredentials" => with_client_credentials,
            /// By a code that a person enters on another device (RFC 8628).
            device_code: DeviceCodeOAuthFlow = "deviceCode" => with_device_code,
        }
    }
}

mcp_core::wire! {
    /// A token by an authorization code.
    pub struct AuthorizationCodeOAuthFlow {
        required {
            /// Where a person authorises.
            authorization_url: String = "authorizationUrl",
            /// Where the token is.
            token_url: String = "tokenUrl",
            /// The scopes and what each allows.
            scopes: JsonMap<String> = "scopes",
        }
        optional {
            /// Where it is renewed.
            refresh_url: String = "refreshUrl" => with_refresh_url,
            /// Whether RFC 7636 is required.
            pkce_required: bool = "pkceRequired" => with_pkce_required,
        }
    }
}

mcp_core::wire! {
    /// A token by the client's own credentials.
    pub struct ClientCredentialsOAuthFlow {
        required {
            /// Where the token is.
            token_url: String = "tokenUrl",
            /// The scopes and what each allows.
            scopes: JsonMap<String> = "scopes",
        }
        optional {
            /// Where it is renewed.
            refresh_url: String = "refreshUrl" => with_refresh_url,
        }
    }
}

mcp_core::wire! {
    /// A token by a code that a person enters on another device.
    pub struct DeviceCodeOAuthFlow {
        required {
            /// Where the code is.
            device_authorization_url: String = "deviceAuthorizationUrl",
            /// Where the token is.
            token_url: String = "tokenUrl",
            /// The scopes and what each allows.
            scopes: JsonMap<String> = "scopes",
        }
        optional {
            /// Where it is renewed.
            refresh_url: String = "refreshUrl" => with_refresh_url,
        }
    }
}
