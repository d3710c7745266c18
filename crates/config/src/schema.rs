//! The descriptors of every message that a configuration can hold. Nothing outside this crate sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MessageDescriptor};

use crate::at::type_name;
use crate::policy::{Counter, Counts, Policy};
use crate::rules::{Features, Plan};

/// The known messages, loaded on first use: that takes about 40 ms and 15 MB, which [`release`](Self::release) gives
/// back. Owned by one thread.
#[derive(Debug, Default)]
pub struct Schema {
    pool: RefCell<Option<Rc<Pool>>>,
    policy: Policy,
    counter: Rc<Counter>,
    features: Rc<RefCell<Features>>,
}

impl Schema {
    /// A schema that is not loaded yet, and as strict as can be.
    pub fn new() -> Self {
        Self::default()
    }

    /// A schema that is not loaded yet.
    pub fn with_policy(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// What was let pass so far.
    pub fn counts(&self) -> Counts {
        self.counter.read()
    }

    /// Whether a type URL names a message that exists. There may be no extension for it.
    pub fn knows(&self, type_url: &str) -> bool {
        self.pool().message(type_name(type_url)).is_some()
    }

    /// Frees the descriptors. The next use loads them again.
    pub fn release(&self) {
        self.pool.borrow_mut().take();
    }

    pub(crate) fn pool(&self) -> Rc<Pool> {
        let mut pool = self.pool.borrow_mut();
        Rc::clone(pool.get_or_insert_with(|| Rc::new(Pool::load(self))))
    }
}

/// The loaded descriptors, and the rules read from their options so far.
#[derive(Debug)]
pub(crate) struct Pool {
    descriptors: DescriptorPool,
    plans: RefCell<HashMap<String, Rc<Plan>>>,
    pub(crate) options: Options,
    pub(crate) policy: Policy,
    pub(crate) counter: Rc<Counter>,
    /// What the runtime says of deprecations: known once a bootstrap was read.
    pub(crate) features: Rc<RefCell<Features>>,
}

/// The options in which Envoy's protos state rules.
#[derive(Debug)]
pub(crate) struct Options {
    /// `validate.rules`, on fields.
    pub(crate) rules: ExtensionDescriptor,
    /// `validate.required`, on oneofs.
    pub(crate) required: ExtensionDescriptor,
    /// `validate.disabled` and `validate.ignored`, on messages.
    pub(crate) switched_off: [ExtensionDescriptor; 2],
    /// `envoy.annotations.deprecated_at_minor_version`, on fields.
    pub(crate) deprecated_at: ExtensionDescriptor,
    /// `envoy.annotations.disallowed_by_default`, on fields.
    pub(crate) disallowed: ExtensionDescriptor,
    /// `envoy.annotations.disallowed_by_default_enum`, on enum values.
    pub(crate) disallowed_value: ExtensionDescriptor,
    /// `xds.annotations.v3.file_status`, `message_status` and `field_status`
    pub(crate) file_status: ExtensionDescriptor,
    pub(crate) message_status: ExtensionDescriptor,
    pub(crate) field_status: ExtensionDescriptor,
}

impl Pool {
    fn load(schema: &Schema) -> Self {
        const BUILT: &str = "the build script made these descriptors";
        let raw = miniz_oxide::inflate::decompress_to_vec(nuncio_proto::DESCRIPTORS).expect(BUILT);
        let descriptors = DescriptorPool::decode(raw.as_slice()).expect(BUILT);
        let options = Options::of(&descriptors).expect(BUILT);
        let (plans, policy) = (RefCell::default(), schema.policy);
        let (counter, features) = (Rc::clone(&schema.counter), Rc::clone(&schema.features));
        Self { descriptors, plans, options, policy, counter, features }
    }

    pub(crate) fn message(&self, full_name: &str) -> Option<MessageDescriptor> {
        self.descriptors.get_message_by_name(full_name)
    }

    pub(crate) fn messages(&self) -> impl Iterator<Item = MessageDescriptor> {
        self.descriptors.all_messages()
    }

    /// The rules of a message.
    pub(crate) fn plan(&self, message: &MessageDescriptor) -> Rc<Plan> {
        if let Some(plan) = self.plans.borrow().get(message.full_name()) {
            return Rc::clone(plan);
        }
        let plan = Rc::new(Plan::read(message, &self.options));
        let name = message.full_name().to_owned();
        self.plans.borrow_mut().insert(name, Rc::clone(&plan));
        plan
    }
}

impl Options {
    fn of(pool: &DescriptorPool) -> Option<Self> {
        let find = |name| pool.get_extension_by_name(name);
        Some(Self {
            rules: find("validate.rules")?,
            required: find("validate.required")?,
            switched_off: [find("validate.disabled")?, find("validate.ignored")?],
            deprecated_at: find("envoy.annotations.deprecated_at_minor_version")?,
            disallowed: find("envoy.annotations.disallowed_by_default")?,
            disallowed_value: find("envoy.annotations.disallowed_by_default_enum")?,
            file_status: find("xds.annotations.v3.file_status")?,
            message_status: find("xds.annotations.v3.message_status")?,
            field_status: find("xds.annotations.v3.field_status")?,
        })
    }
}
