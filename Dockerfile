# syntax=docker/dockerfile:1.7
# One image for all services, not one each: they share Node, the kit and nearly all dependencies, so one is built, pulled
# and kept once, and which service a container is, its command says. The gateway adds NGINX and the web app, the sidecar
# adds daprd, each as a target of its own above the same layers.
FROM node:22.23.1-bookworm-slim AS base
WORKDIR /parley
ENV NODE_ENV=production

FROM base AS build
COPY . .
# Without scripts: nothing that a service needs has any. NODE_ENV=production would leave the compilers out.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --include=dev \
  && npx tsc -b services/auth services/gateway services/messages services/notifications services/presence services/realtime packages/client \
  && npm run build -w web
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --omit=dev \
  -w services/auth -w services/gateway -w services/messages -w services/notifications -w services/presence -w services/realtime \
  && find packages services \( -name src -o -name '*.tsbuildinfo' -o -name 'tsconfig.json' \) -not -path '*/node_modules/*' -prune -exec rm -r {} + \
  && find packages services -path '*/dist/*' \( -name '*.test.*' -o -name '*.d.ts' -o -name '*.map' \) -not -path '*/node_modules/*' -delete

FROM base AS service
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
COPY --from=build /parley/package.json ./
COPY --from=build /parley/node_modules node_modules
COPY --from=build /parley/packages packages
COPY --from=build /parley/services services
USER 1000:1000
ENTRYPOINT ["tini", "--"]

FROM service AS gateway
USER root
# /tls belongs to the user, and a new volume takes that over.
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light openssl && rm -rf /var/lib/apt/lists/* \
  && install -d -o 1000 -g 1000 -m 700 /tls
COPY --from=build /parley/docs docs
COPY --from=build /parley/web/dist web/dist
USER 1000:1000
CMD ["node", "services/gateway/dist/main.js"]

# The official image has nothing that could ask its health endpoint.
FROM service AS sidecar
COPY --from=daprio/daprd:1.18.0 /daprd /usr/local/bin/daprd
CMD ["daprd", "--version"]
