import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ServerSlot } from "./network.ts";
import type { EdgeRequest } from "./server-edge.ts";
import { nameOf } from "./server-edge.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimLink } from "./sim-transport.ts";

/** A call as the client makes it. */
export interface CallRequest {
  readonly method: DescMethod;
  readonly header: Headers;
  readonly message: object;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Answer {
  readonly message: object;
  readonly header: Headers;
}

/** A copy of the request on its way, or at a server. */
interface Copy {
  readonly abort: AbortController;
  readonly slot: ServerSlot;
  /** The server that took it. */
  server: SimProcess | undefined;
  answered: boolean;
}

/** One unary call: there may be several copies of its request, of which the first answer that comes back counts. */
export class SimCall {
  readonly answer: Promise<Answer>;
  readonly #link: SimLink;
  readonly #request: CallRequest;
  readonly #copies: Copy[] = [];
  readonly #stack = new DisposableStack();
  #settled = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(link: SimLink, request: CallRequest) {
    this.#link = link;
    this.#request = request;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { process } = link;
    const { timeoutMs, signal } = request;
    const onAbort = () => this.#settle(() => this.#reject(new ConnectError("the call was aborted", Code.Canceled)));
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#stack.defer(() => signal?.removeEventListener("abort", onAbort));
    if (timeoutMs !== undefined)
      this.#stack.use(process.after(timeoutMs, () => this.#fail("the deadline passed", Code.DeadlineExceeded)));
    this.#stack.use(process.onKill(() => this.#settle(() => {})));
    const { faults, scheduler } = link.network;
    const slot = link.choose();
    this.#send(slot, 0);
    if (scheduler.random.chance(faults.duplicated)) this.#send(slot, scheduler.random.between(0, faults.slowMs));
  }

  #send(slot: ServerSlot, extraMs: number): void {
    const { network, runner, process } = this.#link;
    const { random } = network.scheduler;
    const name = nameOf(this.#request.method);
    if (random.chance(network.faults.lostRequest)) {
      network.scheduler.note(`${process.name} → ${slot.name} ${name} is lost`);
      this.#lost();
      return;
    }
    const copy: Copy = { abort: new AbortController(), slot, server: undefined, answered: false };
    this.#copies.push(copy);
    network.scheduler.after(network.latency(runner, slot.name) + extraMs, () => this.#arrive(copy));
  }

  #arrive(copy: Copy): void {
    const { network, runner } = this.#link;
    const { slot } = copy;
    if (network.stillCut(runner, slot.name)) {
      network.scheduler.after(network.latency(runner, slot.name), () => this.#arrive(copy));
      return;
    }
    const server = slot.running;
    if (server === undefined) {
      this.#back(copy, () => this.#fail("the connection was refused", Code.Unavailable));
      return;
    }
    // the server stands still, or is gone before it has read the request
    copy.server = server.process;
    server.process.after(0, () => void this.#serve(copy, server));
    const death = server.process.onKill(() => {
      if (!copy.answered) this.#back(copy, () => this.#fail("the connection broke", Code.Unavailable));
    });
    if (this.#settled) death[Symbol.dispose]();
    else this.#stack.use(death);
  }

  async #serve(copy: Copy, { process, edge }: NonNullable<ServerSlot["running"]>): Promise<void> {
    const { method, header, message, timeoutMs } = this.#request;
    const { scheduler } = this.#link.network;
    const takenAt = scheduler.now;
    const { signal } = copy.abort;
    const deadline = timeoutMs === undefined ? undefined : takenAt + timeoutMs;
    const request: EdgeRequest = { method, header, message, deadline, signal };
    const what = `${this.#link.process.name} → ${process.name} ${nameOf(method)}`;
    try {
      const answer = await edge.answer(request);
      this.#link.onAnswered(request, answer.message, takenAt, process);
      this.#return(copy, what, () => this.#settle(() => this.#resolve(answer)));
    } catch (error) {
      scheduler.note(`${what} fails: ${error instanceof Error ? error.message : String(error)}`);
      this.#return(copy, what, () => this.#settle(() => this.#reject(error)));
    }
  }

  #return(copy: Copy, what: string, deliver: () => void): void {
    const { network } = this.#link;
    copy.answered = true;
    if (network.scheduler.random.chance(network.faults.lostAnswer)) {
      network.scheduler.note(`${what}: the answer is lost`);
      this.#lost();
    } else this.#back(copy, deliver);
  }

  /** Something comes to the client. */
  #back(copy: Copy, deliver: () => void): void {
    const { network, runner, process } = this.#link;
    process.after(network.latency(runner, copy.slot.name), () => {
      if (network.stillCut(runner, copy.slot.name)) this.#back(copy, deliver);
      else deliver();
    });
  }

  #lost(): void {
    const { network, process } = this.#link;
    const { random } = network.scheduler;
    if (random.chance(network.faults.reset))
      process.after(random.between(1, 500), () => this.#fail("the connection was reset", Code.Unavailable));
  }

  #fail(why: string, code: Code): void {
    this.#settle(() => this.#reject(new ConnectError(why, code)));
  }

  /** The client is done; servers that are still at it see the connection close. */
  #settle(tell: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stack.dispose();
    for (const copy of this.#copies) if (!copy.answered) this.#hangUp(copy);
    tell();
  }

  #hangUp(copy: Copy): void {
    const { network, runner } = this.#link;
    network.scheduler.after(network.latency(runner, copy.slot.name), () => {
      copy.server?.after(0, () => copy.abort.abort());
    });
  }
}
