//! `cargo xtask demo`: the product at work in a minute.

mod display;
mod fleet;
mod product;
mod table;
mod tour;
mod zones;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use crate::terminal::Terminal;
use crate::testbed::{
    Kube, KubeOptions, Manager, ManagerOptions, NodeSpec, Vcsim, VcsimOptions, create_node,
};
use fleet::Fleet;
use table::seconds;

/// Without a new ready node for so long, something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);
const REDRAW: Duration = Duration::from_millis(100);
const STOP: Duration = Duration::from_secs(10);

/// Flags of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many nodes register
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    nodes: u16,
    /// Milliseconds that vCenter takes longer for each request
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// Walks through what the manager does when things change in vCenter, and measures it; fails
    /// when something does not happen
    #[arg(long)]
    tour: bool,
    /// Keeps everything running afterwards, to look at and play with
    #[arg(long)]
    keep: bool,
    /// Builds the product as it is released: takes minutes, for honest numbers of memory and time
    #[arg(long)]
    release: bool,
    /// Runs this manager instead of building one
    #[arg(long, hide = true, value_name = "PATH")]
    manager_binary: Option<PathBuf>,
    /// One more argument for the manager; may be repeated
    #[arg(long, hide = true, allow_hyphen_values = true)]
    manager_arg: Vec<String>,
}

/// Runs the demo; Ctrl-C ends it at any time, and leaves nothing behind.
pub async fn run(options: Options) -> Result<()> {
    let mut terminal = Terminal::new();
    crate::progress::build(&mut terminal, false).await?;
    let binary = if let Some(path) = &options.manager_binary {
        path.clone()
    } else {
        build(&options, &mut terminal).await?
    };
    // From here on Ctrl-C must not end us before our children.
    let interrupted = interruption()?;
    tokio::select! {
        shown = show(&options, &binary, &mut terminal) => shown,
        () = interrupted => {
            Terminal::new().line("\nstopped; nothing is left running");
            Ok(())
        }
    }
}

async fn build(options: &Options, terminal: &mut Terminal) -> Result<PathBuf> {
    let release = options.release;
    let how = if release { "cargo build --release" } else { "cargo build; --release for honest numbers" };
    terminal.line(&format!("building the product ({how})"));
    tokio::task::spawn_blocking(move || product::build(release)).await.context("the build panicked")?
}

/// Resolves on Ctrl-C or SIGTERM.
fn interruption() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn show(options: &Options, binary: &Path, terminal: &mut Terminal) -> Result<()> {
    let (kube, vcsim) = start(options, terminal).await?;
    let client = kube.client().await?;
    let nodes: Api<Node> = Api::all(client.clone());

    zones::tag(&vcsim).await?;
    let vms = vcsim.create(&fleet::vm_specs(usize::from(options.nodes))).await?;
    let mut fleet = Fleet::new(vms);
    register(&nodes, &mut fleet, terminal).await?;

    let mut manager = ManagerOptions::new(binary, config(&vcsim), kube.kubeconfig());
    manager.args.clone_from(&options.manager_arg);
    if options.tour {
        manager.args.extend(tour::manager_args());
    }
    let started = Instant::now();
    let manager = Manager::start(&manager)?;
    terminal.line(&format!("started the manager ({})", binary.display()));

    let world = World { kube: &kube, vcsim: &vcsim, manager: &manager, started };
    let watched = world.watch(nodes, &mut fleet, terminal).await;
    terminal.draw(Vec::new());
    watched?;
    // The manager that goes on running has its memory still to show; the other one, its logout.
    let peak_rss = manager.peak_rss().ok();
    let goes_on = options.keep || options.tour;
    if !goes_on {
        manager.stop(STOP).await?;
    }
    world.close(&fleet, peak_rss, terminal).await?;
    let mut example = fleet.members.first().map(|member| (member.node.clone(), member.vm.name.clone()));
    if options.tour {
        let patience = tour::patience(Duration::from_millis(options.latency));
        example = Some(tour::run(&world, client, &fleet, patience, terminal).await?);
    }
    if let Some((node, vm)) = example.filter(|_| options.keep) {
        world.keep(&node, &vm, terminal).await?;
    }
    if goes_on {
        manager.stop(STOP).await?;
    }
    Ok(())
}

async fn start(options: &Options, terminal: &mut Terminal) -> Result<(Kube, Vcsim)> {
    terminal.draw(vec!["  starting etcd, kube-apiserver and vcsim …".to_owned()]);
    let begin = Instant::now();
    let latency = Duration::from_millis(options.latency);
    let simulator = VcsimOptions { latency, hosts: zones::HOSTS, ..VcsimOptions::default() };
    let started = tokio::try_join!(Kube::start(KubeOptions::default()), Vcsim::start(simulator));
    terminal.draw(Vec::new());
    let (kube, vcsim) = started?;
    let latency = if options.latency > 0 {
        format!(", {} ms for each request", options.latency)
    } else {
        String::new()
    };
    terminal.line(&format!(
        "started a control plane ({}) and a vCenter ({}{latency}) in {}",
        kube.url(),
        vcsim.url(),
        seconds(begin.elapsed())
    ));
    Ok((kube, vcsim))
}

async fn register(nodes: &Api<Node>, fleet: &mut Fleet, terminal: &mut Terminal) -> Result<()> {
    let specs = fleet.node_specs();
    let begin = Instant::now();
    let mut registered = stream::iter(specs.iter().enumerate())
        .map(async |(at, spec): (usize, &NodeSpec)| {
            let when = Instant::now();
            create_node(nodes, spec).await.map(|_| (at, when))
        })
        .buffer_unordered(16);
    let mut count = 0;
    while let Some((at, when)) = registered.try_next().await? {
        fleet.registered(at, when);
        count += 1;
        if count % 50 == 0 {
            terminal.draw(vec![format!("  registering nodes: {count} of {}", specs.len())]);
        }
    }
    terminal.draw(Vec::new());
    let took = seconds(begin.elapsed());
    terminal.line(&format!(
        "registered {count} nodes, tainted as uninitialized, each with a VM of its own ({took})"
    ));
    Ok(())
}

fn config(vcsim: &Vcsim) -> String {
    // JSON strings are YAML strings.
    let (user, password, ca) = (json!(vcsim.user()), json!(vcsim.password()), json!(vcsim.ca()));
    let port = vcsim.port();
    format!(
        "global:\n  user: {user}\n  password: {password}\n  caFile: {ca}\n  port: {port}\n\
         vcenter:\n  demo:\n    server: 127.0.0.1\n    user: {user}\n    password: {password}\n    port: {port}\n    \
         caFile: {ca}\n    datacenters: [{}]\n\
         labels:\n  region: {}\n  zone: {}\n",
        zones::DATACENTER,
        zones::REGION_CATEGORY,
        zones::ZONE_CATEGORY,
    )
}

struct World<'a> {
    kube: &'a Kube,
    vcsim: &'a Vcsim,
    manager: &'a Manager,
    started: Instant,
}

impl World<'_> {
    /// Watches the nodes until all are ready.
    async fn watch(&self, nodes: Api<Node>, fleet: &mut Fleet, terminal: &mut Terminal) -> Result<()> {
        let mut events = pin!(watcher(nodes, watcher::Config::default()).default_backoff().applied_objects());
        let mut tick = tokio::time::interval(REDRAW);
        let mut progress = Instant::now();
        let mut requests = 0;
        let step = fleet.members.len().div_ceil(30);
        while !fleet.all_ready() {
            tokio::select! {
                event = events.next() => {
                    // An error is the watcher's to overcome.
                    let Some(Ok(node)) = event else { continue };
                    if fleet.observe(&node, Instant::now()) {
                        progress = Instant::now();
                        let ready = fleet.ready();
                        if !terminal.is_live() && (ready.is_multiple_of(step) || fleet.all_ready()) {
                            let news = fleet.recent.back().map(String::as_str).unwrap_or_default();
                            terminal.line(&format!("{ready}/{}  {news}", fleet.members.len()));
                        }
                    }
                }
                _ = tick.tick() => {
                    self.check()?;
                    if progress.elapsed() > PATIENCE {
                        bail!(self.stuck(fleet));
                    }
                    if terminal.is_live() {
                        requests = self.vcsim.requests().await.map_or(requests, |now| now.total);
                        terminal.draw(display::frame(fleet, self.started.elapsed(), requests, terminal.width()));
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.kube.check()?;
        self.vcsim.process().check()?;
        let busy = self.manager.logs().contains("ddress already in use");
        self.manager.check().with_context(|| {
            if busy {
                "a port that the manager listens on is busy: is another manager running?"
            } else {
                "the demo is over"
            }
        })
    }

    fn stuck(&self, fleet: &Fleet) -> String {
        let waiting = fleet.waiting();
        let names = waiting.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        format!(
            "{} of {} nodes are still not ready, nothing has changed for {} s ({names}{}); \
             the end of the manager's log:\n{}",
            waiting.len(),
            fleet.members.len(),
            PATIENCE.as_secs(),
            if waiting.len() > 5 { ", …" } else { "" },
            self.manager.tail(30).join("\n")
        )
    }

    async fn close(&self, fleet: &Fleet, peak_rss: Option<u64>, terminal: &mut Terminal) -> Result<()> {
        let requests = self.vcsim.requests().await?;
        let width = terminal.width().min(140);
        let blocks = [
            display::closing(fleet, width),
            display::numbers(fleet, self.started, peak_rss),
            display::requests(&requests, &format!("total, for {} nodes", fleet.members.len())),
        ];
        for block in blocks {
            terminal.line("");
            terminal.lines(&block);
        }
        Ok(())
    }

    /// Waits for Ctrl-C, which is the caller's to notice.
    async fn keep(&self, node: &str, vm: &str, terminal: &mut Terminal) -> Result<()> {
        let control = self.vcsim.control_url();
        let lines = [
            String::new(),
            "Everything keeps running until Ctrl-C.".to_owned(),
            format!("  export KUBECONFIG={}", self.kube.kubeconfig().display()),
            format!("  the manager's log: {}", self.manager.log_path().display()),
            format!("  vCenter: {}   its control port: {control}", self.vcsim.url()),
            "Try:".to_owned(),
            "  kubectl get nodes -o wide".to_owned(),
            format!(
                "  kubectl taint node {node} node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule"
            ),
            format!("  curl -X POST {control}/vms/{vm}/power -d '{{\"state\":\"poweredOff\"}}'"),
            format!("  curl -X POST {control}/restart -d '{{\"downMs\":5000}}'"),
            format!("  curl {control}/requests"),
        ];
        terminal.lines(&lines);
        loop {
            self.check()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
