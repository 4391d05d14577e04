import { createServer, type Server } from 'node:http'
import type { Logger } from '../logger.ts'
import type { Metrics } from './metrics.ts'

/**
 * Serves `/metrics` on a port of its own. Not on the app's port: the sidecar brings calls of other apps there, and who scrapes
 * would need the token with which events are let in. Who may reach this port is said by its address and the network.
 */
export function serveMetrics(
  metrics: Metrics,
  { metricsPort, metricsBind }: { metricsPort?: number | undefined; metricsBind: string },
  logger: Logger,
): Server | undefined {
  if (metricsPort === undefined) return undefined
  metrics.watchProcess()
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.statusCode = 404
      response.end()
      return
    }
    metrics.text().then(
      (text) => response.setHeader('content-type', metrics.contentType).end(text),
      (error) => {
        logger.error({ err: error }, 'the metrics cannot be told')
        response.statusCode = 500
        response.end()
      },
    )
  })
  // A service without metrics is better than none.
  server.on('error', (err) => logger.error({ err, port: metricsPort }, 'the metrics cannot be served'))
  server.listen(metricsPort, metricsBind, () =>
    logger.info({ bind: metricsBind, port: metricsPort }, 'metrics are served'),
  )
  // It serves until the process ends, also while it drains, and keeps it from nothing.
  return server.unref()
}
