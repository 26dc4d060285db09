/** How a request of `node:http` ended, without being in the way of those who made it. */
import { errorMonitor } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { CallOutcome, resultOfHttpStatus, retryAfterOfField } from "@fpzk/core";
import type { Picked } from "../api.js";
import { isConnectFailure } from "../calls/call-failure.js";

/** A request that knows whether another protocol took over its connection. */
interface UpgradableRequest {
  readonly upgradeOrConnect?: boolean;
}

export function observeRequest(request: ClientRequest, picked: Picked): void {
  let failure: unknown;
  let response: IncomingMessage | undefined;
  request.once(errorMonitor, (error) => {
    failure = error;
  });
  // Before those of the caller, so that they can be counted.
  request.prependOnceListener("response", (answer) => {
    response = answer;
    picked.answered();
    answer.once("close", () => picked.release(resultOfAnswer(answer)));
    // As without this listener: an answer that nobody waits for is thrown away.
    if (request.listenerCount("response") === 0) answer.resume();
  });
  request.once("close", () => {
    // Its body may still be under way.
    if (response !== undefined) return;
    if ((request as UpgradableRequest).upgradeOrConnect === true) {
      picked.release(CallOutcome.success);
    } else if (failure === undefined) {
      picked.release(CallOutcome.cancelled);
    } else {
      const isUnsent = isConnectFailure(failure);
      picked.release(isUnsent ? CallOutcome.connectFailure : CallOutcome.error);
    }
  });
}

function resultOfAnswer(answer: IncomingMessage): ReturnType<typeof resultOfHttpStatus> {
  // Broken off by the instance, unless the reader gave it up.
  if (!answer.complete) return answer.errored === null ? CallOutcome.cancelled : CallOutcome.error;
  const field = answer.headers["retry-after"];
  const retryAfterMs = field === undefined ? undefined : retryAfterOfField(field, Date.now());
  return resultOfHttpStatus(answer.statusCode ?? 0, retryAfterMs);
}
