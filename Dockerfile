# Builds a static server and puts it alone into an image.
#
#   docker build -t aqserver --build-arg VERSION=$(git describe --tags --always) .
#   docker run -p 8080:8080/tcp -p 8080:8080/udp -e PUBLIC_IP=192.0.2.7 aqserver
#
# PUBLIC_IP is the address that clients reach the machine by: the container only
# sees its own. The port must be the same outside and inside, for TCP and UDP.

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /server ./cmd/server/

FROM scratch
COPY --from=build /server /server
# Nobody; the image has no /etc/passwd to name one.
USER 65534:65534
EXPOSE 8080/tcp 8080/udp
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["/server", "healthcheck"]
ENTRYPOINT ["/server"]
