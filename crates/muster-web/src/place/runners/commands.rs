//! By which commands a runner comes to be: on a command line, as a service, in a container, in Kubernetes.

use maud::{Markup, html};
use muster_proto::v1::Coordinator;

/// How one is enrolled by this token and started, in each of the ways.
pub(crate) fn enrolling(coordinator: &Coordinator, pool: &str, token: &str) -> Markup {
    let url = url(coordinator);
    html! {
        div.variants {
            (variant("On a command line", true, "Both as the same user, on the machine that is to be the runner.", &plain(url, token)))
            (variant("As a service of systemd", false, "The unit enrolls at its first start. It is in deploy/systemd of the sources, as docs/install.md tells.", &systemd(url, pool, token)))
            (variant("In a container", false, "The image is made by deploy/container/Containerfile of the sources.", &container(url, pool, token)))
            (variant("In Kubernetes", false, "Each replica enrolls by itself and keeps its key on its volume: the token must be good for as many. Put your registry before the image.", &kubernetes(url, pool, token)))
        }
    }
}

/// How one is started where nobody enrolls.
pub(super) fn insecure(coordinator: &Coordinator, organization: &str) -> Markup {
    let command = format!(
        "muster-runner --coordinator {} --organization {organization} --pool default",
        url(coordinator)
    );
    html! { div.variants { (block(&command)) } }
}

/// Where runners and command lines reach it.
pub(in crate::place) fn url(coordinator: &Coordinator) -> &str {
    coordinator
        .urls
        .first()
        .map_or("https://localhost:7443", String::as_str)
}

fn variant(title: &str, is_open: bool, help: &str, command: &str) -> Markup {
    html! {
        details open[is_open] {
            summary { (title) }
            p.help { (help) }
            (block(command))
        }
    }
}

/// A command, with what copies it.
fn block(command: &str) -> Markup {
    html! {
        div.block {
            pre tabindex="0" { code { (command) } }
            button type="button" data-copy=(command) { "Copy" }
        }
    }
}

fn plain(url: &str, token: &str) -> String {
    format!(
        "MUSTER_ENROLL_TOKEN={token} \\\n  muster-runner enroll --coordinator {url}\nmuster-runner --coordinator {url}"
    )
}

fn systemd(url: &str, pool: &str, token: &str) -> String {
    format!(
        "sudo mkdir --parents /etc/muster\n\
         echo 'coordinator = \"{url}\"' | sudo tee /etc/muster/runner-{pool}.toml\n\
         echo 'MUSTER_ENROLL_TOKEN={token}' | sudo install --mode=0600 /dev/stdin /etc/muster/runner-{pool}.env\n\
         sudo systemctl enable --now muster-runner@{pool}"
    )
}

fn container(url: &str, pool: &str, token: &str) -> String {
    let of_all = format!("--volume muster-runner-{pool}:/var/lib/muster-runner \\\n  --env MUSTER_COORDINATOR={url}");
    format!(
        "docker run --rm {of_all} \\\n  --env MUSTER_ENROLL_TOKEN={token} \\\n  muster-runner enroll --unless-enrolled\n\
         docker run --detach --name muster-runner-{pool} --restart unless-stopped \\\n  \
         --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 20 \\\n  {of_all} \\\n  \
         --env MUSTER_DISPLAY_NAME=\"$(hostname)\" muster-runner"
    )
}

fn kubernetes(url: &str, pool: &str, token: &str) -> String {
    // A pool may have `_`, and a name there may not.
    let name = format!("muster-runner-{}", pool.replace('_', "-"));
    format!(
        r#"kubectl apply --filename - <<'END'
apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
stringData: {{enroll-token: {token}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {name}}}
spec:
  serviceName: {name}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 20
      securityContext: {{runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532}}
      initContainers:
        - name: enroll
          image: muster-runner
          args: [enroll, --unless-enrolled]
          env: &env
            - {{name: MUSTER_COORDINATOR, value: "{url}"}}
            - {{name: MUSTER_DISPLAY_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
            - {{name: MUSTER_ENROLL_TOKEN, valueFrom: {{secretKeyRef: {{name: {name}, key: enroll-token}}}}}}
          securityContext: &confined
            {{readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
          volumeMounts: &volume
            - {{name: data, mountPath: /var/lib/muster-runner}}
      containers:
        - name: runner
          image: muster-runner
          env: *env
          securityContext: *confined
          volumeMounts: *volume
  volumeClaimTemplates:
    - metadata: {{name: data}}
      spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
END"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_names_where_to_and_by_what() {
        let (url, pool, token) = ("https://muster.example.com:7443", "plant_2", "mse_secret");
        for way in [
            plain(url, token),
            systemd(url, pool, token),
            container(url, pool, token),
            kubernetes(url, pool, token),
        ] {
            assert!(way.contains(url) && way.contains(token), "{way}");
        }
        assert!(kubernetes(url, pool, token).contains("name: muster-runner-plant-2"));
        let shown = enrolling(
            &Coordinator {
                urls: vec![url.to_owned()],
                ..Coordinator::default()
            },
            pool,
            "mse_<b>",
        );
        assert!(!shown.0.contains("mse_<b>"), "a token is text");
    }
}
