/**
 * The script of the diagnostics page: asks for the document every two seconds and shows it.
 *
 * Plain JavaScript of browsers, as a text. It makes elements and sets their text; nothing that came
 * from the registry is ever read as markup.
 */
export const PAGE_SCRIPT = `"use strict";
const byId = (id) => document.getElementById(id);
const make = (tag, text, kind) => {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = String(text);
  if (kind) element.className = kind;
  return element;
};
const duration = (ms) => {
  if (ms === null || ms === undefined) return "never";
  if (ms < 1000) return Math.round(ms) + " ms";
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return Math.floor(seconds / 3600) + " h";
};
const number = (value) => (value === null ? "–" : value >= 100 ? value.toFixed(0) : value.toFixed(1));
const percent = (ratio) => (ratio * 100).toFixed(ratio > 0 && ratio < 0.1 ? 1 : 0) + " %";
const table = (heads, rows) => {
  const element = make("table");
  const head = element.createTHead().insertRow();
  for (const title of heads) {
    const cell = make("th", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = element.createTBody();
  for (const { cells, kind } of rows) {
    const row = body.insertRow();
    if (kind) row.className = kind;
    for (const cell of cells) row.append(make("td", cell, typeof cell === "number" ? "n" : ""));
  }
  const frame = make("div", undefined, "wide");
  frame.append(element);
  return frame;
};
const fact = (list, name, value, kind) => {
  list.append(make("dt", name), make("dd", value, kind));
};
let before = new Map();
/** Share of the calls since the last look, or of all when there were none. */
const shares = (service, key) => {
  const now = new Map(service.instances.map((one) => [one.id, one.endedCount]));
  const last = before.get(key);
  before.set(key, now);
  const grown = service.instances.map((one) => one.endedCount - (last?.get(one.id) ?? 0));
  const sum = grown.reduce((total, count) => total + Math.max(0, count), 0);
  if (!last || sum === 0) return service.instances.map((one) => one.callRatio);
  return grown.map((count) => Math.max(0, count) / sum);
};
const showFacts = (seen) => {
  const list = make("dl");
  const state = seen.isDraining ? "draining" : seen.unreadyReason ? "not ready: " + seen.unreadyReason : "ready";
  fact(list, "state", state, state === "ready" ? "good" : "bad");
  fact(list, "version", seen.version);
  fact(list, "process", seen.pid + (seen.worker === null ? "" : ", worker " + seen.worker));
  fact(list, "up for", duration(seen.uptimeMs));
  for (const { namespace, nodeId } of seen.registry) {
    const text = nodeId === null ? "not connected" : "node " + nodeId;
    fact(list, "registry, namespace " + namespace, text, nodeId === null ? "bad" : "good");
  }
  fact(list, "in work", seen.activeCount + ", of them upgraded: " + seen.upgradedCount);
  fact(list, "callers' connections", "HTTP/1.1: " + seen.connections.http1 + ", HTTP/2: " + seen.connections.http2);
  for (const { port, services, connectionCount } of seen.tcp)
    fact(list, "TCP port " + port, services.join(", ") + ": " + connectionCount + " open");
  byId("facts").replaceChildren(list);
};
const instanceRow = (one, share) => {
  const out = one.ejection
    ? one.ejection.reason + ", " + duration(one.ejection.remainingMs)
    : one.slowStartRatio < 1 ? "slow start " + percent(one.slowStartRatio) : "";
  const isUsable = one.state === "up" && one.liveness === "alive" && !one.ejection;
  return {
    kind: isUsable ? "" : one.state === "up" ? "bad" : "dim",
    cells: [one.id, one.state, one.liveness, [one.region, one.zone].filter(Boolean).join("/"),
      one.version, percent(share), one.activeCount, one.endedCount, one.failedCount,
      percent(one.failureRatio), number(one.latencyMs), number(one.latencyP50Ms),
      number(one.latencyP99Ms), out, one.addresses.join(" ")],
  };
};
const INSTANCE_HEADS = ["instance", "state", "liveness", "place", "version", "share", "in flight",
  "calls", "failed", "failing", "EWMA ms", "p50 ms", "p99 ms", "ejected, slow start", "endpoints"];
const showServices = (seen) => {
  const parts = [];
  for (const service of seen.services) {
    const { view } = service;
    const key = JSON.stringify([service.namespace, service.service, service.policy, service.filter]);
    const said = [
      service.instanceCount + " instances",
      service.ejectedCount + " ejected",
      service.policy ? "policy " + service.policy : "",
      service.filter ? "filter " + JSON.stringify(service.filter) : "",
      service.isPinned ? "" : "dynamic",
      service.breaker === "tripped" ? "breaker tripped" : "",
      service.pendingCount > 0 ? service.pendingCount + " wait" : "",
      service.retriesLeftCount + " retries left",
      !view.isComplete ? "view not complete"
        : view.isCurrent ? "view current" : "view of " + duration(view.ageMs) + " ago",
      service.omittedCount > 0 ? service.omittedCount + " not shown" : "",
    ].filter(Boolean).join(" · ");
    const share = shares(service, key);
    parts.push(make("h3", (service.namespace ? service.namespace + "/" : "") + service.service),
      make("p", said, view.isCurrent ? "" : "bad"),
      table(INSTANCE_HEADS, service.instances.map((one, index) => instanceRow(one, share[index]))));
  }
  byId("services").replaceChildren(...parts);
};
const routeRow = (from, route) => ({
  cells: [from, route.name ?? "", route.host ?? "any",
    route.path ?? (route.pathPrefix ?? "/") + "…", route.methods.join(" ") || "any",
    route.headerNames.join(" "), route.to.map((one) => route.to.length > 1
      ? one.service + " (" + one.weight + ")" : one.service).join(", "), route.policy ?? ""],
});
const showRoutes = (seen) => {
  const { own, sets, refusals } = seen.routes;
  const rows = own.map((route) => routeRow("own", route));
  for (const set of sets) {
    const from = set.name + (set.stamp ? " " + set.stamp : " (an earlier one)");
    rows.push(...set.routes.map((route) => routeRow(from, route)));
  }
  const refused = refusals.map(({ name, reason }) => make("p", "refused " + name + ": " + reason, "bad"));
  const heads = ["from", "name", "host", "path", "methods", "fields", "to", "policy"];
  byId("routes").replaceChildren(table(heads, rows), ...refused);
};
const showFailures = (seen) => {
  const rows = seen.failures.recent.map((one) => ({
    cells: [one.at, one.service, one.instanceId, one.reason, one.detail],
  }));
  byId("failures").replaceChildren(make("p", seen.failures.count + " since the start"),
    table(["when", "service", "instance", "reason", "what"], rows));
};
const look = async () => {
  try {
    const answer = await fetch("v1/diagnostics", { cache: "no-store" });
    if (!answer.ok) throw new Error("status " + answer.status);
    const seen = await answer.json();
    showFacts(seen);
    showServices(seen);
    showRoutes(seen);
    showFailures(seen);
    byId("when").textContent = "as of " + new Date().toLocaleTimeString();
    document.body.className = "";
  } catch (error) {
    byId("when").textContent = "no answer: " + error.message + "; what follows is old";
    document.body.className = "old";
  }
  setTimeout(look, 2000);
};
look();
`;
