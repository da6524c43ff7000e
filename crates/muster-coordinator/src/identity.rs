//! Makes runners known and keeps them so: issues tokens and certificates by the authorities that the ledger keeps, whose keys only this opens.

mod authorities;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_core::decide::identity::create_token::CreateToken;
use muster_core::decide::identity::enroll::{self, Enroll};
use muster_core::decide::identity::renew::Renew;
use muster_core::decide::identity::rotate::Rotate;
use muster_core::decide::identity::{IdentityCommand, IdentityRejection};
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::{self, Certificate};
use muster_core::time::Stamp;
use muster_core::words::{EnrollmentTokenId, OrganizationId, Pool, Principal, RunnerId};
use muster_identity::pki_types::CertificateDer;
use muster_identity::seal::SealingKey;
use muster_identity::{
    Authority, CertificateFault, EnrollmentToken, IdentityError, Issued, Pin, RunnerCertificate, RunnerName,
    SigningRequest, Subject, fingerprint,
};
use muster_shard::{AskError, ShardHandle};

use crate::audit::ask_by_itself;
use crate::caller::Call;
use crate::clock;
use crate::settings::Settings;
use crate::status::ServiceError;
use authorities::Authorities;

/// The file in the data folder with the certificates by which the coordinator is known.
pub(crate) const AUTHORITIES_FILE: &str = "ca.pem";

/// What a runner is told when it is certified.
#[derive(Debug)]
pub(crate) struct Certified {
    pub(crate) name: RunnerName,
    pub(crate) certificate: Certificate,
    /// By which it knows the coordinator from now on; none when that has a certificate of somebody else's authority.
    pub(crate) coordinator: Vec<CertificateDer<'static>>,
}

/// The one that certifies. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Registrar {
    inner: Arc<Inner>,
}

struct Inner {
    shard: ShardHandle,
    sealing: SealingKey,
    authorities: Authorities,
    certificate_life: Duration,
    renewal_grace: Duration,
    /// Whether the coordinator's own certificate comes from the service's authority.
    certifies_coordinator: bool,
    /// Whoever has it makes an authority: two of one number would be made in vain.
    rotating: tokio::sync::Mutex<()>,
    /// Where the service's authority is published, and what was.
    published: (PathBuf, Mutex<Vec<CertificateDer<'static>>>),
}

/// An authority that signs, and its ordinal.
struct Signer {
    authority: Authority,
    number: u32,
}

impl Registrar {
    /// Reads what the ledger has, and makes the service's own authority if there is none.
    ///
    /// # Errors
    /// [`ServiceError`], also when the key of the authorities' keys is another one than before.
    pub(crate) async fn open(
        shard: ShardHandle,
        sealing: SealingKey,
        settings: &Settings,
    ) -> Result<Self, ServiceError> {
        let authorities = Authorities::default();
        authorities.load(&shard).await?;
        let inner = Inner {
            shard,
            sealing,
            authorities,
            certificate_life: settings.certificate_life,
            renewal_grace: settings.renewal_grace,
            certifies_coordinator: settings.tls_certificate.is_none(),
            rotating: tokio::sync::Mutex::default(),
            published: (settings.data.join(AUTHORITIES_FILE), Mutex::default()),
        };
        let registrar = Self { inner: Arc::new(inner) };
        registrar.signer(None).await?;
        registrar.publish();
        Ok(registrar)
    }

    /// Judges a certificate that a runner shows; `renewing` when it is to be renewed, which may be late.
    pub(crate) fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        renewing: bool,
    ) -> Result<RunnerCertificate, CertificateFault> {
        let now = clock::now().stamp;
        let grace = if renewing {
            self.inner.renewal_grace
        } else {
            Duration::ZERO
        };
        muster_identity::judge(
            certificate,
            |owner| self.inner.authorities.trusted(owner, now),
            now,
            grace,
        )
    }

    /// Makes a token by which runners of a pool enroll; returns what a runner is given.
    pub(crate) async fn create_token(
        &self,
        by: &Call,
        pool: Pool,
        life: Duration,
        uses_max: u32,
    ) -> Result<(EnrollmentTokenId, String), ServiceError> {
        // So that there is an authority when the first runner comes.
        self.signer(pool.organization.as_ref()).await?;
        let now = clock::now().stamp;
        let pin = match self.serving(now).await? {
            Some(serving) if self.inner.certifies_coordinator => Pin::Authority(fingerprint(&serving.certificate)),
            Some(_) | None => Pin::System,
        };
        let id = EnrollmentTokenId::generate(now, &mut fastrand::Rng::new());
        let token = EnrollmentToken::generate(id, pin).map_err(ServiceError::internal)?;
        let create = CreateToken {
            token: id,
            pool,
            hash: token.hash(),
            expires: now.after(life),
            uses_max,
        };
        by.ask_on(
            &self.inner.shard,
            Command::Identity(IdentityCommand::CreateToken(create)),
        )
        .await?;
        Ok((id, token.reveal()))
    }

    /// Makes a runner of whoever shows a token. The token is looked at before anything is signed: signing costs more than asking.
    pub(crate) async fn enroll(
        &self,
        call: &Call,
        token: &EnrollmentToken,
        request: &SigningRequest,
    ) -> Result<Certified, ServiceError> {
        let now = clock::now().stamp;
        let (id, hash, key) = (token.id, token.hash(), request.key());
        let found = self.inner.shard.turn(move |turn| {
            let found = turn.state().everywhere().enrollment_token(id);
            let found = found.filter(|found| found.hash.matches(&hash));
            let found = found.ok_or(IdentityRejection::NoToken)?;
            let judged = match found.used_by(&key) {
                None => enroll::judge(found, now),
                Some(_) => Ok(()),
            };
            Ok((found.pool.clone(), judged))
        });
        let found: Result<(Pool, Result<(), IdentityRejection>), IdentityRejection> = found.await?;
        let (pool, judged) = found.map_err(Rejection::Identity)?;
        call.concerns(pool.organization.clone());
        judged.map_err(Rejection::Identity)?;
        let name = RunnerName {
            runner: RunnerId::generate(now, &mut fastrand::Rng::new()),
            pool,
        };
        let certificate = self.sign(&name, request).await?;
        let enroll = Enroll {
            token: token.id,
            hash: token.hash(),
            key: request.key(),
            runner: name.runner,
            certificate,
        };
        let by = Principal::Runner(name.runner);
        let answer = self.ask(call, by, IdentityCommand::Enroll(enroll)).await?;
        let certified = self.certified(name.pool, answer).await?;
        tracing::info!(runner = %certified.name.runner, pool = %certified.name.pool, token = %id, "a runner has enrolled");
        Ok(certified)
    }

    /// Gives a runner that has shown its certificate the next one.
    pub(crate) async fn renew(
        &self,
        call: &Call,
        shown: &RunnerCertificate,
        request: &SigningRequest,
    ) -> Result<Certified, ServiceError> {
        let name = &shown.name;
        call.concerns(name.pool.organization.clone());
        let certificate = self.sign(name, request).await?;
        let renew = Renew {
            runner: name.runner,
            key: shown.key,
            certificate,
        };
        let by = Principal::Runner(name.runner);
        let answer = self.ask(call, by, IdentityCommand::Renew(renew)).await?;
        self.certified(name.pool.clone(), answer).await
    }

    async fn certified(&self, pool: Pool, answer: Answer) -> Result<Certified, ServiceError> {
        let Answer::Certified { runner, certificate } = answer else {
            return Err(ServiceError::internal(
                "a certificate was asked for and something else answered",
            ));
        };
        let now = clock::now().stamp;
        let coordinator = if self.inner.certifies_coordinator {
            self.inner.authorities.trusted(None, now)
        } else {
            Vec::new()
        };
        Ok(Certified {
            name: RunnerName { pool, runner },
            certificate: *certificate,
            coordinator,
        })
    }

    async fn sign(&self, name: &RunnerName, request: &SigningRequest) -> Result<Certificate, ServiceError> {
        let signer = self.signer(name.pool.organization.as_ref()).await?;
        let subject = Subject::Runner(name, request);
        let issued = signer
            .authority
            .issue(subject, clock::now().stamp, self.inner.certificate_life);
        let Issued {
            certificate,
            serial,
            until,
        } = issued.map_err(ServiceError::internal)?;
        Ok(Certificate {
            der: certificate.into(),
            serial: serial.into(),
            until,
        })
    }

    /// Gives an organization, or the service, another authority.
    pub(crate) async fn rotate(
        &self,
        by: &Call,
        owner: Option<&OrganizationId>,
        overlap: Duration,
    ) -> Result<(), ServiceError> {
        let signer = self.signer(owner).await?;
        let _rotating = self.inner.rotating.lock().await;
        self.make(Some(by), owner, signer.number + 1, overlap).await
    }

    /// Certifies the coordinator by these names. Returns its certificate with that of its authority, its key, the authority's ordinal, and until when
    /// all that is good.
    pub(crate) async fn certify_coordinator(&self, names: &[String], life: Duration) -> Result<Own, ServiceError> {
        let now = clock::now().stamp;
        let serving = self.serving(now).await?;
        let serving = serving.ok_or_else(|| ServiceError::internal("the service has no authority"))?;
        let authority = self.open_key(&serving).map_err(ServiceError::internal)?;
        let key = muster_identity::authority::new_key().map_err(ServiceError::internal)?;
        let issued = authority.issue(Subject::Coordinator(names, &key), now, life);
        let issued = issued.map_err(ServiceError::internal)?;
        Ok(Own {
            chain: vec![issued.certificate.into(), authority.certificate().clone()],
            key: key.serialize_der(),
            number: serving.number,
            issued: now,
        })
    }

    /// Writes the certificates of the service's authority that are trusted into the data folder, for whoever on this machine wants to know the coordinator by
    /// them; unless they are there already.
    pub(crate) fn publish(&self) {
        let trusted = self.inner.authorities.trusted(None, clock::now().stamp);
        let (file, published) = &self.inner.published;
        let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
        if *published == trusted {
            return;
        }
        let text: String = trusted
            .iter()
            .map(|one| muster_identity::pem::certificate(one))
            .collect();
        let new = file.with_extension("pem.new");
        match std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
            Ok(()) => *published = trusted,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the authority's certificate cannot be written there");
            }
        }
    }

    /// The ordinal of the authority from which the coordinator's certificate comes now.
    pub(crate) async fn serving_number(&self) -> Result<Option<u32>, ServiceError> {
        let serving = self.serving(clock::now().stamp).await?;
        Ok(serving.map(|serving| serving.number))
    }

    /// The authority from which the coordinator's certificate comes: the oldest that is trusted, so that runners that have not heard of a newer one know
    /// it.
    async fn serving(&self, now: Stamp) -> Result<Option<entity::Generation>, ServiceError> {
        let serving = self.inner.shard.turn(move |turn| {
            let authority = turn.state().everywhere().authority(None)?;
            authority.trusted(now).next().cloned()
        });
        Ok(serving.await?)
    }

    /// What signs for this owner; made if there is none.
    async fn signer(&self, owner: Option<&OrganizationId>) -> Result<Signer, ServiceError> {
        if let Some(signer) = self.find_signer(owner).await? {
            return Ok(signer);
        }
        let _rotating = self.inner.rotating.lock().await;
        // Somebody else may have made it in between.
        if let Some(signer) = self.find_signer(owner).await? {
            return Ok(signer);
        }
        self.make(None, owner, 1, Duration::ZERO).await?;
        let made = self.find_signer(owner).await?;
        made.ok_or_else(|| ServiceError::internal("an authority was made and is not there"))
    }

    async fn find_signer(&self, owner: Option<&OrganizationId>) -> Result<Option<Signer>, ServiceError> {
        let of = owner.cloned();
        let found = self.inner.shard.turn(move |turn| {
            let authority = turn.state().everywhere().authority(of.as_ref())?;
            authority.signing().cloned()
        });
        let Some(generation) = found.await? else {
            return Ok(None);
        };
        let authority = self.open_key(&generation).map_err(ServiceError::internal)?;
        Ok(Some(Signer {
            authority,
            number: generation.number,
        }))
    }

    fn open_key(&self, generation: &entity::Generation) -> Result<Authority, IdentityError> {
        let key = self
            .inner
            .sealing
            .open(&generation.sealed_key, &generation.certificate)?;
        Authority::open(&generation.certificate, &key)
    }

    /// Makes an authority, for whoever has asked for it, or since there is none.
    async fn make(
        &self,
        by: Option<&Call>,
        owner: Option<&OrganizationId>,
        number: u32,
        overlap: Duration,
    ) -> Result<(), ServiceError> {
        let now = clock::now().stamp;
        let made = Authority::generate(owner, number, now).and_then(|(certificate, key)| {
            let sealed = self.inner.sealing.seal(&key, &certificate)?;
            Ok((certificate, sealed))
        });
        let (certificate, sealed_key) = made.map_err(ServiceError::internal)?;
        let rotate = Rotate {
            owner: owner.cloned(),
            number,
            certificate: certificate.into(),
            sealed_key: sealed_key.into(),
            overlap: now.after(overlap),
        };
        let command = Command::Identity(IdentityCommand::Rotate(rotate));
        match by {
            Some(call) => call.ask_on(&self.inner.shard, command).await?,
            None => ask_by_itself(&self.inner.shard, "first authority", command).await?,
        };
        self.inner.authorities.reload(&self.inner.shard, owner).await?;
        if owner.is_none() {
            self.publish();
        }
        let owner = owner.map_or("the service", OrganizationId::as_str);
        tracing::info!(owner, number, "an authority was made");
        Ok(())
    }

    async fn ask(&self, call: &Call, by: Principal, command: IdentityCommand) -> Result<Answer, AskError> {
        let call = call.clone();
        let asked = self
            .inner
            .shard
            .turn(move |turn| call.ask_as(turn, &by, Command::Identity(command)));
        Ok(asked.await??)
    }
}

/// The coordinator's own certificate.
pub(crate) struct Own {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// In the form of PKCS #8.
    pub(crate) key: Vec<u8>,
    pub(crate) number: u32,
    pub(crate) issued: Stamp,
}
