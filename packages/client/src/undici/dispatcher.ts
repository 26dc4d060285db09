/** An undici dispatcher that picks instances by service name. */
import { Agent, type Dispatcher } from "undici";
import type { FpzkClient } from "../api.js";
import { FPZK_PROTOCOL, parseServiceUrl, serviceOfHost } from "../calls/service-url.js";
import { DispatchedCall } from "./dispatched-call.js";

/**
 * A dispatcher for origins `fpzk://service`, and `http://service.fpzk` where undici asks for an
 * HTTP address (its `fetch` and `request`); all other origins go to `dispatcher` unchanged.
 *
 * Each call is made as `client.fetch` makes it: picked, told to the balancer, tried again where that
 * is safe, within the service's `timeoutMs`. The field `x-fpzk-key` is the key of policies by key.
 * Errors of the picks are RegistryErrors; those of the network are undici's own.
 *
 * @param dispatcher - Holds the connections. Default: an `Agent` of its own.
 */
export function createDispatcher(
  client: FpzkClient,
  dispatcher: Dispatcher = new Agent(),
): Dispatcher {
  return dispatcher.compose(serviceInterceptor(client));
}

/** The same as one interceptor among others: put it last, so that the others see each call once. */
export function serviceInterceptor(client: FpzkClient): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const service = serviceOfOrigin(options.origin);
    if (service === undefined) return dispatch(options, handler);
    const call = new DispatchedCall({ caller: client.caller(service), dispatch, options, handler });
    call.start();
    return true;
  };
}

function serviceOfOrigin(origin: string | URL | undefined): string | undefined {
  if (origin === undefined || !URL.canParse(String(origin))) return undefined;
  const url = new URL(origin);
  return url.protocol === FPZK_PROTOCOL
    ? parseServiceUrl(url).service
    : serviceOfHost(url.hostname);
}
