/** OpenAI's protocol over models that are loaded, in any runtime that has `Request` and `Response`. */
export { createEndpoint, type Endpoint, type RequestInfo } from './endpoint.ts'
export type { AnsweredRequest, EndpointOptions } from './endpoint-options.ts'
