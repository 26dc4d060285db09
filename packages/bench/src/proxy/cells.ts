/** What is asked of each proxy: the protocol of the callers, the body, how many, with TLS or not. */

/** How callers speak: `grpc` is one unary call after another, over HTTP/2 on both sides. */
export type Caller = "http1" | "http2" | "grpc";

export interface Cell {
  readonly caller: Caller;
  readonly path: "/small" | "/large" | "/bench.Echo/Say";
  readonly connectionCount: number;
  /** Requests at once on each connection. */
  readonly streamCount: number;
  readonly isTls: boolean;
}

/** The one path of gRPC. */
export const GRPC_PATH = "/bench.Echo/Say";

function http1(path: Cell["path"], isTls: boolean): Cell[] {
  return [1, 64, 1_024].map((connectionCount) => ({
    ...{ caller: "http1", path, connectionCount, streamCount: 1, isTls },
  }));
}

function framed(caller: "http2" | "grpc", path: Cell["path"]): Cell[] {
  const common = { caller, path, isTls: false };
  return [
    { ...common, connectionCount: 1, streamCount: 64 },
    { ...common, connectionCount: 64, streamCount: 4 },
    { ...common, connectionCount: 1_024, streamCount: 1 },
    { ...common, connectionCount: 64, streamCount: 4, isTls: true },
  ];
}

/** In the order in which they run: memory only grows, so few connections come before many. */
export const CELLS: readonly Cell[] = [
  ...http1("/small", false),
  ...http1("/large", false),
  ...http1("/small", true),
  ...http1("/large", true),
  ...framed("http2", "/small"),
  { caller: "http2", path: "/large", connectionCount: 64, streamCount: 1, isTls: false },
  { caller: "http2", path: "/large", connectionCount: 64, streamCount: 1, isTls: true },
  ...framed("grpc", GRPC_PATH),
];

/** The cell of each protocol that goals are about. */
export const MAIN_CELLS: Readonly<Record<Caller, Cell>> = {
  http1: mainOf("http1"),
  http2: mainOf("http2"),
  grpc: mainOf("grpc"),
};

function mainOf(caller: Caller): Cell {
  const cell = CELLS.find(
    (one) =>
      one.caller === caller && one.connectionCount === 64 && !one.isTls && one.path !== "/large",
  );
  if (cell === undefined) throw new Error(`no cell of ${caller} has 64 connections`);
  return cell;
}

const CALLER_TEXTS: Readonly<Record<Caller, string>> = {
  http1: "HTTP/1.1",
  http2: "HTTP/2",
  grpc: "gRPC",
};

export function callerText(caller: Caller): string {
  return CALLER_TEXTS[caller];
}

/** Unique: figures are named by it. */
export function cellText({ caller, path, connectionCount, streamCount, isTls }: Cell): string {
  const count = connectionCount.toLocaleString("en");
  return [
    callerText(caller),
    ...(caller === "grpc" ? [] : [path.slice(1)]),
    `${count} ${connectionCount === 1 ? "connection" : "connections"}`,
    ...(streamCount === 1 ? [] : [`${streamCount} streams on each`]),
    ...(isTls ? ["TLS"] : []),
  ].join(", ");
}
