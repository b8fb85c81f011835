# PostgreSQL with the extension, built from source: docker build -t directus_versions .
# On another major version: docker build --build-arg PG=17 -t directus_versions .
ARG PG=15

FROM rust:1.95-slim-bookworm AS rust

FROM postgres:${PG}-bookworm AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config
RUN apt-get update && apt-get install -y --no-install-recommends "postgresql-server-dev-$PG_MAJOR"
WORKDIR /src
COPY .ci .ci
RUN .ci/setup package
COPY Cargo.toml Cargo.lock directus_versions.control README.md CHANGELOG.md LICENSE ./
COPY src src
COPY sql sql
COPY docs docs
RUN .ci/package

FROM postgres:${PG}-bookworm
COPY --from=build /src/target/package /tmp/package
RUN dpkg -i /tmp/package/*.deb && rm -r /tmp/package
