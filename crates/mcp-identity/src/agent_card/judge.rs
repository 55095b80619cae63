//! The rules of A2A 1.0 for agent cards: its Protocol Buffers with their marks, and section 5.7.

use std::collections::HashSet;

use serde_json::Value;

use crate::finding::{Judge, Problem, rule};

pub(super) fn agent_card(card: &mut Judge<'_>) {
    if card.object().is_none() {
        return;
    }
    card.required("name", rule::string);
    card.required("description", rule::string);
    card.required("supportedInterfaces", |all| all.some(interface));
    card.required("version", rule::string);
    card.required("capabilities", capabilities);
    card.required("defaultInputModes", rule::some_strings);
    card.required("defaultOutputModes", rule::some_strings);
    card.required("skills", |skills| {
        skills.some(skill);
        unique(skills);
    });
    card.optional("provider", |provider| {
        if provider.object().is_some() {
            provider.required("url", rule::string);
            provider.required("organization", rule::string);
        }
    });
    card.optional("documentationUrl", rule::string);
    card.optional("iconUrl", rule::string);
    card.optional("securitySchemes", |schemes| schemes.values(scheme));
    card.optional("securityRequirements", |all| all.each(requirement));
    card.optional("signatures", |all| all.each(signature));
}

fn interface(interface: &mut Judge<'_>) {
    if interface.object().is_none() {
        return;
    }
    for name in ["url", "protocolBinding", "protocolVersion"] {
        interface.required(name, rule::filled);
    }
    interface.optional("tenant", rule::string);
}

fn capabilities(capabilities: &mut Judge<'_>) {
    if capabilities.object().is_none() {
        return;
    }
    for name in ["streaming", "pushNotifications", "extendedAgentCard"] {
        capabilities.optional(name, rule::boolean);
    }
    capabilities.optional("extensions", |all| {
        all.each(|extension| {
            if extension.object().is_some() {
                extension.optional("uri", rule::string);
                extension.optional("description", rule::string);
                extension.optional("required", rule::boolean);
                extension.optional("params", |params| {
                    params.object();
                });
            }
        });
    });
}

fn skill(skill: &mut Judge<'_>) {
    if skill.object().is_none() {
        return;
    }
    for name in ["id", "name", "description"] {
        skill.required(name, rule::string);
    }
    skill.required("tags", rule::some_strings);
    for name in ["examples", "inputModes", "outputModes"] {
        skill.optional(name, rule::strings);
    }
    skill.optional("securityRequirements", |all| all.each(requirement));
}

fn unique(skills: &mut Judge<'_>) {
    let mut seen = HashSet::new();
    let ids = skills.entries().iter().map(|skill| skill.get("id").and_then(Value::as_str));
    let repeated: Vec<usize> = ids
        .enumerate()
        .filter(|(_, id)| id.is_some_and(|id| !seen.insert(id)))
        .map(|(at, _)| at)
        .collect();
    for at in repeated {
        skills.found_at(&at.to_string(), Problem::Repeated("a skill's id"));
    }
}

fn requirement(requirement: &mut Judge<'_>) {
    if requirement.object().is_none() {
        return;
    }
    requirement.optional("schemes", |schemes| {
        schemes.values(|scopes| {
            if scopes.object().is_some() {
                scopes.optional("list", rule::strings);
            }
        });
    });
}

const SCHEMES: &[&str] = &[
    "apiKeySecurityScheme",
    "httpAuthSecurityScheme",
    "oauth2SecurityScheme",
    "openIdConnectSecurityScheme",
    "mtlsSecurityScheme",
];

fn scheme(scheme: &mut Judge<'_>) {
    if scheme.object().is_none() {
        return;
    }
    scheme.exactly_one_of(SCHEMES);
    scheme.optional("apiKeySecurityScheme", |key| {
        key.required("location", |place| place.one_of(&["query", "header", "cookie"]));
        key.required("name", rule::filled);
    });
    scheme.optional("httpAuthSecurityScheme", |http| http.required("scheme", rule::filled));
    scheme.optional("openIdConnectSecurityScheme", |openid| {
        openid.required("openIdConnectUrl", rule::filled);
    });
    scheme.optional("oauth2SecurityScheme", |oauth| {
        oauth.required("flows", |flows| {
            if flows.object().is_none() {
                return;
            }
            flows.exactly_one_of(&[
                "authorizationCode",
                "clientCredentials",
                "implicit",
                "password",
                "deviceCode",
            ]);
            flows.optional("authorizationCode", |flow| {
                flow.required("authorizationUrl", rule::filled);
                token(flow);
            });
            flows.optional("clientCredentials", token);
            flows.optional("deviceCode", |flow| {
                flow.required("deviceAuthorizationUrl", rule::filled);
                token(flow);
            });
        });
    });
}

fn token(flow: &mut Judge<'_>) {
    flow.required("tokenUrl", rule::filled);
    flow.required("scopes", |scopes| scopes.values(rule::string));
}

fn signature(signature: &mut Judge<'_>) {
    if signature.object().is_none() {
        return;
    }
    signature.required("protected", rule::filled);
    signature.required("signature", rule::filled);
    signature.optional("header", |header| {
        header.object();
    });
}
