# The console, then the programs, then an image with nothing but them.
FROM node:22-bookworm-slim AS console
WORKDIR /src
COPY web/api/openapi.yaml web/api/
COPY web/console/package.json web/console/package-lock.json web/console/
RUN npx --yes npm@11 --prefix web/console ci --ignore-scripts
COPY docs docs
COPY web/console web/console
RUN npm --prefix web/console run gen && npm --prefix web/console run build

FROM golang:1.26-bookworm AS programs
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=console /src/web/console/dist web/console/dist
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ ./cmd/cisterna ./cmd/pumpsim && mkdir /empty

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=programs /out/cisterna /out/pumpsim /usr/local/bin/
# A new volume takes the owner of the folder that it covers.
COPY --from=programs --chown=65532:65532 /empty /keys
COPY --from=programs --chown=65532:65532 /empty /pumps
USER nonroot
ENTRYPOINT ["cisterna"]
CMD ["serve"]
