//! The system calls that no connector needs, and that an attacker asks for: each answers EPERM, as if the system did not allow it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Denied whatever their arguments are.
const DENIED: &[c_long] = &[
    // Other processes' memory and files.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Other views of files, processes and networks.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Code in the kernel, and ways to it that have had many holes.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine as a whole.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[c_long] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS__sysctl,
];
// `kexec_file_load`: not every C library has its name.
#[cfg(target_arch = "aarch64")]
const DENIED_HERE: &[c_long] = &[294];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const DENIED_HERE: &[c_long] = &[];

/// On x86-64 every call has a second number, with this bit, where the kernel knows the ABI x32; some have a third.
#[cfg(target_arch = "x86_64")]
const SECOND_NUMBER: c_long = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const THIRD_NUMBERS: &[c_long] = &[
    SECOND_NUMBER | 521,
    SECOND_NUMBER | 528,
    SECOND_NUMBER | 539,
    SECOND_NUMBER | 540,
];

/// The flags with which a new process gets another view of files, processes or networks.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Kinds of sockets that reach other machines past all rules about ports, or the kernel's cryptography.
const SOCKETS: [libc::c_int; 3] = [libc::AF_VSOCK, libc::AF_PACKET, libc::AF_ALG];

/// What puts text into a terminal as if a person had typed it.
const TERMINALS: [u64; 2] = [0x5412, 0x541c];

/// Denies these calls to the calling thread, and to all that it starts.
///
/// # Errors
/// What the kernel or the machine lacks.
pub(super) fn deny() -> Result<(), String> {
    static FILTERS: OnceLock<Result<[BpfProgram; 2], String>> = OnceLock::new();
    let filters = FILTERS.get_or_init(filters).as_ref().map_err(Clone::clone)?;
    for filter in filters {
        apply_filter(filter).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Two, since each has one answer.
fn filters() -> Result<[BpfProgram; 2], String> {
    let in_words = |error: seccompiler::BackendError| error.to_string();
    let machine: TargetArch = std::env::consts::ARCH.try_into().map_err(in_words)?;
    let filter = |rules, answer: libc::c_int| {
        let answer = SeccompAction::Errno(answer.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, machine).map_err(in_words)?;
        BpfProgram::try_from(filter).map_err(in_words)
    };
    // Its flags lie in memory, where no filter can look. Whoever finds that it does not exist calls `clone`.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([
        filter(rules().map_err(in_words)?, libc::EPERM)?,
        filter(clone3, libc::ENOSYS)?,
    ])
}

fn rules() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    let when = |argument, compare, value| -> Result<SeccompRule, seccompiler::BackendError> {
        SeccompRule::new(vec![SeccompCondition::new(argument, Width::Dword, compare, value)?])
    };
    let flags = NAMESPACES.map(|flag| u64::from(flag.unsigned_abs()));
    let namespaces = flags.iter().map(|flag| when(0, Compare::MaskedEq(*flag), *flag));
    let sockets = SOCKETS
        .iter()
        .map(|kind| when(0, Compare::Eq, u64::from(kind.unsigned_abs())));
    let terminals = TERMINALS.iter().map(|request| when(1, Compare::Eq, *request));
    let mut rules = BTreeMap::from([
        (libc::SYS_clone, namespaces.collect::<Result<Vec<_>, _>>()?),
        (libc::SYS_socket, sockets.collect::<Result<Vec<_>, _>>()?),
        (libc::SYS_ioctl, terminals.collect::<Result<Vec<_>, _>>()?),
    ]);
    rules.extend(DENIED.iter().chain(DENIED_HERE).map(|call| (*call, Vec::new())));
    #[cfg(target_arch = "x86_64")]
    {
        let second: Vec<_> = rules
            .iter()
            .map(|(call, rules)| (SECOND_NUMBER | call, rules.clone()))
            .collect();
        rules.extend(second);
        rules.extend(THIRD_NUMBERS.iter().map(|call| (*call, Vec::new())));
    }
    Ok(rules)
}
