//! Values of a call that its task keeps.

use std::collections::BTreeMap;

use mcp_core::server::{Cx, RequestContext};
use mcp_core::{Error, RawJson};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TaskPolicy;

/// The member of a kept request's parameters that holds them. A client's own member of this name is dropped.
const MEMBER: &str = "dev.mcp-ext/tasks.carried";

/// How one value is taken from a call and given to a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried {
    name: &'static str,
    take: fn(&Cx) -> Result<Option<RawJson>, Error>,
    give: fn(RequestContext, &RawJson) -> Result<RequestContext, Error>,
}

impl Carried {
    pub(crate) fn of<T>(name: &'static str) -> Self
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Self { name, take: take::<T>, give: give::<T> }
    }
}

fn take<T: Serialize + Send + Sync + 'static>(cx: &Cx) -> Result<Option<RawJson>, Error> {
    let value = cx.transport_value::<T>().or_else(|| cx.call_value::<T>());
    value.map(RawJson::from_serialize).transpose().map_err(|_| Error::Internal)
}

fn give<T: DeserializeOwned + Send + Sync + 'static>(
    context: RequestContext,
    value: &RawJson,
) -> Result<RequestContext, Error> {
    let value: T = value.parse().map_err(|_| Error::Internal)?;
    Ok(context.with_value(value))
}

/// Puts the values of a call among the parameters that are kept.
pub(super) fn pack(
    cx: &Cx,
    policy: &TaskPolicy,
    params: &mut BTreeMap<String, RawJson>,
) -> Result<(), Error> {
    // Nobody but this server says what a call was given.
    params.remove(MEMBER);
    let mut values = BTreeMap::new();
    for carried in &policy.carried {
        if let Some(value) = (carried.take)(cx)? {
            values.insert(carried.name, value);
        }
    }
    if !values.is_empty() {
        let values = RawJson::from_serialize(&values).map_err(|_| Error::Internal)?;
        params.insert(MEMBER.to_owned(), values);
    }
    Ok(())
}

/// The parameters as they came, and the context with the values that the tool's policy names.
pub(super) fn unpack(
    kept: &RawJson,
    policy: Option<&TaskPolicy>,
    mut context: RequestContext,
) -> Result<(RawJson, RequestContext), Error> {
    if !kept.get().contains(MEMBER) {
        return Ok((kept.clone(), context));
    }
    let mut params: BTreeMap<String, RawJson> = kept.parse().map_err(|_| Error::Internal)?;
    if let Some(values) = params.remove(MEMBER) {
        let values: BTreeMap<String, RawJson> = values.parse().map_err(|_| Error::Internal)?;
        for carried in policy.map(|policy| policy.carried.as_slice()).unwrap_or_default() {
            if let Some(value) = values.get(carried.name) {
                context = (carried.give)(context, value)?;
            }
        }
    }
    let params = RawJson::from_serialize(&params).map_err(|_| Error::Internal)?;
    Ok((params, context))
}
