# stanzascope for docker-compose.yml: built in one stage, run in another, by a user without rights.
FROM rust:1.95-slim-trixie AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --release

FROM debian:trixie-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin stanzascope
COPY --from=build /source/target/release/stanzascope /usr/local/bin/stanzascope
COPY --chmod=0755 compose/stanzascope-healthy /usr/local/bin/stanzascope-healthy
USER 10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["stanzascope"]
