//! The descriptors of every message that a configuration can hold. Nothing outside this crate sees them.

mod files;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MessageDescriptor};

use crate::at::type_name;
use crate::policy::{Counter, Counts, Policy};
use crate::rules::{Features, Plan};
use crate::schema::files::Files;

/// The known messages. Those that a configuration needs are loaded with it: that takes some milliseconds and megabytes,
/// which [`release`](Self::release) gives back. Owned by one thread.
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
        self.pool().files.home(type_name(type_url)).is_some()
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

/// The descriptors loaded so far, and the rules read from their options.
#[derive(Debug)]
pub(crate) struct Pool {
    files: Files,
    /// The places in `files` of what is in `descriptors`.
    loaded: RefCell<BTreeSet<usize>>,
    descriptors: RefCell<DescriptorPool>,
    plans: RefCell<HashMap<String, Rc<Plan>>>,
    pub(crate) options: Options,
    pub(crate) policy: Policy,
    pub(crate) counter: Rc<Counter>,
    /// What the runtime says of deprecations: known once a bootstrap was read.
    pub(crate) features: Rc<RefCell<Features>>,
}

const BUILT: &str = "the build script made these descriptors";

impl Pool {
    fn load(schema: &Schema) -> Self {
        let files = Files::inflate();
        let mut loaded = BTreeSet::new();
        let set = files.load(Options::homes(&files), &mut loaded);
        let descriptors = DescriptorPool::decode(set.as_slice()).expect(BUILT);
        let options = Options::of(&descriptors).expect(BUILT);
        Self {
            files,
            loaded: RefCell::new(loaded),
            descriptors: RefCell::new(descriptors),
            plans: RefCell::default(),
            options,
            policy: schema.policy,
            counter: Rc::clone(&schema.counter),
            features: Rc::clone(&schema.features),
        }
    }

    /// Loads at once what a configuration needs: a message, and what its text names. What is asked for later is loaded
    /// then, which takes longer.
    pub(crate) fn expect<'t>(&self, root: &str, texts: impl Iterator<Item = &'t [u8]>) {
        let mut wanted: BTreeSet<usize> = texts.flat_map(|text| self.files.named_in(text)).collect();
        wanted.extend(self.files.home(root));
        self.add(wanted);
    }

    fn add(&self, wanted: BTreeSet<usize>) {
        let set = self.files.load(wanted, &mut self.loaded.borrow_mut());
        if !set.is_empty() {
            // Descriptors that others hold stay what they were: the pool is copied for them.
            self.descriptors.borrow_mut().decode_file_descriptor_set(set.as_slice()).expect(BUILT);
        }
    }

    pub(crate) fn message(&self, full_name: &str) -> Option<MessageDescriptor> {
        let found = self.descriptors.borrow().get_message_by_name(full_name);
        found.or_else(|| {
            self.add(BTreeSet::from([self.files.home(full_name)?]));
            self.descriptors.borrow().get_message_by_name(full_name)
        })
    }

    /// The full names of all messages, loaded or not.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.messages()
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

impl Options {
    /// The files that declare them.
    fn homes(files: &Files) -> BTreeSet<usize> {
        const DECLARED: [&str; 3] =
            ["+validate.rules", "+envoy.annotations.disallowed_by_default", "+xds.annotations.v3.file_status"];
        DECLARED.iter().filter_map(|extension| files.home(extension)).collect()
    }

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
