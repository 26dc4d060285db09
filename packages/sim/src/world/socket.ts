/**
 * One end of a connection between two simulated processes, with the manners of a TCP socket.
 *
 * A close travels behind what was sent and is told again until it arrives. A reset travels at once
 * and once: lost on a cut way, it leaves the other end half open, which learns so when it next
 * sends and the way is whole, or never, while the host that knew is gone.
 */
import type { Random } from "@fpzk/core";
import type { Flight, Network } from "./network.js";
import type { Stream } from "./stream.js";

/** A process, as far as its sockets go. */
export interface SocketOwner {
  readonly id: string;
  readonly isUp: boolean;
  readonly sockets: Set<Socket>;
  /** Whether it takes what comes: it is not frozen, and wants to. */
  readonly isReading: boolean;
}

export interface SocketEvents {
  received(bytes: Uint8Array): void;
  /** The other end is gone. Not called after this end was closed here. */
  closed(): void;
  /** Something that waited to be sent went out. */
  flushed?(): void;
}

export interface SocketPair {
  readonly dialer: Socket;
  readonly acceptor: Socket;
}

export interface ConnectionOptions {
  readonly network: Network;
  readonly random: Random;
  readonly dialer: SocketOwner;
  readonly acceptor: SocketOwner;
  /** What the dialer sends, and what it is sent. */
  readonly carries: readonly [Flight["carries"], Flight["carries"]];
  /** Whether a host is there at all; one that is lost answers nothing. */
  readonly isHostThere: (host: string) => boolean;
}

/** Both ends of a new connection. */
export function createConnection(options: ConnectionOptions): SocketPair {
  const dialer = new Socket(options.dialer, options);
  const acceptor = new Socket(options.acceptor, options);
  dialer.join(acceptor, options.carries[0]);
  acceptor.join(dialer, options.carries[1]);
  return { dialer, acceptor };
}

export class Socket {
  readonly owner: SocketOwner;
  /** What happens to it; set by who uses it before anything can. */
  events: SocketEvents = { received: () => {}, closed: () => {} };
  isOpen = true;
  readonly #options: ConnectionOptions;
  #peer: Socket | undefined;
  #outgoing: Stream | undefined;

  constructor(owner: SocketOwner, options: ConnectionOptions) {
    this.owner = owner;
    this.#options = options;
    owner.sockets.add(this);
  }

  /** The process at the other end. */
  get peerOwner(): SocketOwner {
    return this.#peer?.owner ?? this.owner;
  }

  get queuedBytes(): number {
    return this.#outgoing?.queuedBytes ?? 0;
  }

  join(peer: Socket, carries: Flight["carries"]): void {
    this.#peer = peer;
    this.#outgoing = this.#options.network.stream({
      from: this.owner.id,
      to: peer.owner.id,
      carries,
      random: this.#options.random,
      isRead: () => peer.owner.isReading || !peer.isOpen,
      deliver: (bytes) => peer.take(bytes),
      onFlushed: () => {
        if (this.isOpen) this.events.flushed?.();
      },
    });
  }

  send(bytes: Uint8Array, isLossy = false): void {
    if (!this.isOpen) return;
    this.#outgoing?.send(bytes, isLossy);
  }

  /** Lets the other end do something when word from here arrives, if it is still open then. */
  greet(run: () => void): void {
    this.#outgoing?.say(() => {
      if (this.#peer?.isOpen === true) run();
    });
  }

  /** Ends it after what was sent. */
  close(): void {
    if (!this.#end()) return;
    this.#outgoing?.say(() => this.#peer?.hearEnd());
  }

  /** Ends it now: what waits is thrown away, and the other end is told if the way is open now. */
  abort(): void {
    if (!this.#end()) return;
    this.#outgoing?.close();
    this.#reset();
  }

  /** Ends it, and nobody is told. */
  vanish(): void {
    if (this.#end()) this.#outgoing?.close();
  }

  /** Who owns it reads again. */
  resume(): void {
    const peer = this.#peer;
    if (peer !== undefined) peer.#outgoing?.resume();
  }

  /** Something arrives here. An end that is gone says so, if its host is there to say it. */
  take(bytes: Uint8Array): void {
    if (this.isOpen) this.events.received(bytes);
    else this.#reset();
  }

  /** The other end closed. */
  hearEnd(): void {
    if (!this.#end()) return;
    this.events.closed();
  }

  #end(): boolean {
    if (!this.isOpen) return false;
    this.isOpen = false;
    this.owner.sockets.delete(this);
    // What it left unread is answered like all that comes for an end that is gone.
    this.resume();
    return true;
  }

  /** Tells the other end, once, that there is no such connection. */
  #reset(): void {
    const { network, isHostThere } = this.#options;
    const peer = this.#peer;
    if (peer === undefined || !peer.isOpen || !isHostThere(this.owner.id)) return;
    const [from, to] = [this.owner.id, peer.owner.id];
    if (network.isCut(from, to)) return;
    const { now, queue } = network.options;
    queue.add(now() + network.delayMs(from, to), () => {
      peer.#outgoing?.close();
      peer.hearEnd();
    });
  }
}
