//! The virtual machine a run gets: QEMU's command line, the folders it shares, the guest's configuration.
//!
//! What each setting is for: `-smap` because QEMU up to 9.0 reads the frame of a ring-3 `iretq` with the wrong rights;
//! `reserve=off`, the old machine type and no huge pages so that a machine far larger than this one costs only the pages it
//! touches; `phys-bits` because 40 bits end at 1 TiB. With `--shim` the processor is [`SHIM_CPU`].

pub(crate) mod grub;
pub(crate) mod image;
pub(crate) mod need;
pub(crate) mod options;
pub(crate) mod size;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::build;
use crate::machine::need::{Need, TooLittle};
use crate::machine::options::{Mode, Options};
use crate::machine::size::{GIB, MIB, PAGE};
use crate::setup::qemu;
use crate::setup::release::Release;
use crate::setup::{self, Parts};
use tools::{file, folder};

/// The name the guest has in dom0, unless its configuration says another.
const GUEST: &str = "guest";

/// A processor on which Xen's shim starts in a PVH domain. QEMU's `max` has the family and model of an AMD K8: the shim then writes an
/// MSR that a PVH domain must not. With `monitor` the outer Xen of such a processor faults in `mwait`.
const SHIM_CPU: &str = "-monitor,family=23,model=49,stepping=0";
/// What the shim of 4.20 cannot have besides. In a PVH domain on QEMU it finds the state of XSAVE to take no bytes, a BUG; and it
/// uses `rdtscp`, which the outer Xen intercepts and, by what QEMU tells of it, cannot emulate.
const SHIM_4_20_CPU: &str = "-xsave,-rdtscp";

/// Has a Xen say all it can: what it says against a guest is a warning at most, which it keeps to itself else.
const LOG_ALL: &str = "loglvl=all guest_loglvl=all";

/// Where a run's inputs lie in its folder, which a person may have named and use for other things.
pub(crate) fn inputs(out: &Path) -> PathBuf {
    out.join(".lab-inputs")
}

/// A machine ready to be started.
#[derive(Debug)]
pub(crate) struct Machine {
    /// QEMU with all its arguments.
    pub(crate) command: Command,
    /// Where its inputs lie; may be removed after the run.
    pub(crate) inputs: PathBuf,
    /// As domU: what must fit into its memory.
    pub(crate) need: Option<Need>,
}

/// Puts the inputs of a run into a folder in `out` and makes the command line.
///
/// # Errors
/// An input cannot be read, or a requested size is smaller than what it must hold.
pub(crate) fn prepare(options: &Options, parts: &Parts, out: &Path) -> Result<Machine> {
    let inputs = inputs(out);
    folder::create(&inputs)?;
    let elf = kernel(options)?;
    let ramdisk = ramdisk(options, &inputs)?;
    let need = need(options, &elf, ramdisk)?;
    file::write(&inputs.join("kernel"), elf)?;
    let ramdisk = if options.grub { put_into_grub(options, parts, &inputs, ramdisk)? } else { ramdisk };
    let command = match options.mode {
        Mode::Dom0 => {
            let dom0 = Boot { kernel: "kernel", line: &options.cmdline, ramdisk: "ramdisk" };
            start(options, parts, &inputs, &dom0)?
        }
        Mode::DomU => {
            share(options, parts, &inputs, ramdisk)?;
            let linux = Boot { kernel: "linux", line: "console=hvc0 panic=1", ramdisk: "root" };
            let mut command = start(options, parts, &inputs, &linux)?;
            // QEMU stands in the folder of the inputs.
            for share in ["path=.,mount_tag=in,readonly=on", "path=..,mount_tag=out"] {
                command.arg("-virtfs").arg(format!("local,{share},security_model=none"));
            }
            command
        }
    };
    Ok(Machine { command, inputs, need })
}

/// The kernel, with as many pages as were asked for.
fn kernel(options: &Options) -> Result<Vec<u8>> {
    let mut elf = file::bytes(&options.kernel_file())?;
    if let Some(pages) = options.image_pages {
        image::grow(&mut elf, pages)?;
    }
    Ok(elf)
}

/// Puts GRUB in the place of the kernel, with kernel and ramdisk inside; gives the size of the ramdisk that is left for `xl`: none.
fn put_into_grub(options: &Options, parts: &Parts, inputs: &Path, ramdisk: u64) -> Result<u64> {
    let (kernel, file) = (inputs.join("kernel"), inputs.join("ramdisk"));
    let ramdisk = (ramdisk > 0).then_some(file.as_path());
    let loaded = grub::Loaded { kernel: &kernel, line: &options.cmdline, ramdisk };
    let image = grub::image(&parts.grub, &inputs.join("loader"), &loaded)?;
    file::write(&kernel, image)?;
    Ok(0)
}

/// Copies the ramdisk; gives its size, with as many pages as were asked for. As domU it grows in dom0, but for GRUB here.
fn ramdisk(options: &Options, inputs: &Path) -> Result<u64> {
    let to = inputs.join("ramdisk");
    file::copy(&options.ramdisk.clone().unwrap_or_else(build::ramdisk), &to)?;
    let name = || to.display().to_string();
    let mut size = std::fs::metadata(&to).with_context(name)?.len();
    if let Some(pages) = options.ramdisk_pages {
        ensure!(size <= pages * PAGE, "the ramdisk has {size} bytes, more than {pages:#x} pages");
        size = pages * PAGE;
    }
    if options.mode == Mode::Dom0 || options.grub {
        let file = std::fs::File::options().write(true).open(&to).with_context(name)?;
        file.set_len(size).with_context(name)?;
    }
    Ok(size)
}

/// What must fit into the memory of a domU. Its configuration may say another size, and in a shim the kernel has less, by what the shim
/// keeps; the shim, not `xl`, lays it out, as GRUB does.
fn need(options: &Options, elf: &[u8], ramdisk: u64) -> Result<Option<Need>> {
    let is_domu = options.mode == Mode::DomU
        && !options.shim
        && !options.grub
        && !options.config.iter().any(|line| line.starts_with("memory"));
    let need = is_domu.then(|| Need::of(elf, ramdisk, options.memory));
    if let Some(need) = need.filter(|need| !need.is_met()) {
        return Err(TooLittle(need).into());
    }
    Ok(need)
}

/// Puts what dom0 makes a domU of where dom0 finds it.
fn share(options: &Options, parts: &Parts, inputs: &Path, ramdisk: u64) -> Result<()> {
    file::write(&inputs.join("guest.cfg"), configuration(options, ramdisk))?;
    let script = if options.in_dom0.is_some() { "yes" } else { "no" };
    file::write(&inputs.join("job"), format!("RAMDISK_SIZE={ramdisk}\nSCRIPT={script}\n"))?;
    if let Some(script) = &options.in_dom0 {
        file::copy(script, &inputs.join("script"))?;
    }
    if options.shim {
        file::copy(&parts.shim, &inputs.join("shim"))?;
    }
    for (from, name) in [(&parts.linux, "linux"), (&parts.root, "root")] {
        let link = inputs.join(name);
        symlink(from, &link).with_context(|| link.display().to_string())?;
    }
    Ok(())
}

/// Bytes of memory the whole machine gets.
fn memory(options: &Options) -> u64 {
    match options.mode {
        Mode::Dom0 => options.memory,
        // Xen's frame table and the guest's page tables take about a sixtieth; the rest is room.
        Mode::DomU => options.memory + options.memory / 16 + dom0_memory(options) + 256 * MIB,
    }
}

/// Bytes of this machine's memory that a run takes, about: Xen's frame table, the tables of the guest and its P2M are a
/// sixty-fourth of the memory given; a small machine may touch all it has.
pub(crate) fn touched(options: &Options) -> u64 {
    let memory = memory(options);
    memory.min(2 * GIB) + memory / 64
}

/// Bytes of memory the Linux dom0 gets; more if a script may want to put dumps of the guest there.
fn dom0_memory(options: &Options) -> u64 {
    let large = options.memory >= 8 * GIB;
    let dumps = if options.in_dom0.is_some() && !large { 2 * options.memory } else { 0 };
    dumps + if large { 3 * GIB } else { GIB }
}

/// Xen's command line.
fn xen_line(options: &Options) -> String {
    let mut line = format!("console=com1 com1=115200,8n1 {LOG_ALL} bootscrub=0");
    if options.mode == Mode::DomU {
        let dom0 = dom0_memory(options) / MIB;
        line += &format!(" dom0_mem={dom0}M,max:{dom0}M dom0_max_vcpus=1");
    }
    if !options.xen_line.is_empty() {
        line += &format!(" {}", options.xen_line);
    }
    line
}

/// The guest's configuration for `xl`. It is preserved at its end: what it left behind can still be looked at.
fn configuration(options: &Options, ramdisk: u64) -> String {
    let extra = options.cmdline.replace('\\', "\\\\").replace('"', "\\\"");
    let mut lines = vec![
        format!("name = \"{GUEST}\""),
        format!("type = \"{}\"", if options.shim { "pvh" } else { "pv" }),
        "kernel = \"/run/kernel\"".to_owned(),
        format!("extra = \"{extra}\""),
        format!("memory = {}", options.memory / MIB),
        format!("vcpus = {}", options.vcpus),
    ];
    if ramdisk > 0 {
        lines.push("ramdisk = \"/run/ramdisk\"".to_owned());
    }
    if options.shim {
        lines.extend(["pvshim = 1", "pvshim_path = \"/run/shim\""].map(str::to_owned));
        // Stands after the toolstack's own words for a shim (xl.cfg(5)), which bring its log to the guest's console.
        lines.push(format!("pvshim_extra = \"{LOG_ALL}\""));
    }
    for end in ["poweroff", "reboot", "crash", "watchdog", "soft_reset"] {
        lines.push(format!("on_{end} = \"preserve\""));
    }
    // Of two lines with one key, xl takes the last.
    lines.extend_from_slice(&options.config);
    lines.join("\n") + "\n"
}

/// What Xen boots as dom0: file names in the folder of the inputs, where QEMU stands. So no path has to be quoted.
struct Boot<'a> {
    kernel: &'a str,
    line: &'a str,
    ramdisk: &'a str,
}

/// The processor: QEMU's largest, changed by what the memory, a shim and last the user want.
fn processor(options: &Options, release: Release) -> String {
    let mut parts = vec!["max,-smap".to_owned()];
    if memory(options) > 16 * GIB {
        parts.push("phys-bits=46".to_owned());
    }
    if options.shim {
        parts.push(SHIM_CPU.to_owned());
    }
    if options.shim && release == Release::V4_20 {
        parts.push(SHIM_4_20_CPU.to_owned());
    }
    if !options.cpu.is_empty() {
        parts.push(options.cpu.clone());
    }
    parts.join(",")
}

fn start(options: &Options, parts: &Parts, inputs: &Path, dom0: &Boot<'_>) -> Result<Command> {
    let mut qemu = qemu::command();
    qemu.current_dir(inputs);
    let memory = memory(options);
    qemu.args(["-accel", if options.icount { "tcg" } else { "tcg,thread=multi" }]);
    if options.icount {
        qemu.args(["-icount", "shift=0,sleep=off,align=off", "-rtc", "clock=vm"]);
    }
    let and = |text: &String| if text.is_empty() { String::new() } else { format!(",{text}") };
    qemu.arg("-cpu").arg(processor(options, parts.release));
    qemu.arg("-object").arg(format!("memory-backend-ram,id=m,size={}M,reserve=off", memory / MIB));
    qemu.arg("-machine").arg(format!("pc-i440fx-7.0,memory-backend=m{}", and(&options.machine)));
    qemu.arg("-m").arg(format!("{}M", memory / MIB));
    let cpus = match options.mode {
        Mode::Dom0 => options.vcpus,
        Mode::DomU => options.vcpus.min(2),
    };
    qemu.arg("-smp").arg(cpus.to_string());
    qemu.args(["-display", "none", "-monitor", "none", "-serial", "stdio", "-net", "none", "-no-reboot"]);
    let line = xen_line(options);
    if options.efi {
        let xen = options.xen.as_ref().unwrap_or(&parts.xen_efi);
        firmware(&mut qemu, inputs, xen, &line, dom0)?;
    } else {
        plain(options.xen.as_ref().unwrap_or(&parts.xen), &inputs.join("xen"))?;
        let modules = format!("{} {},{}", dom0.kernel, dom0.line.replace(',', ",,"), dom0.ramdisk);
        qemu.args(["-kernel", "xen", "-initrd", &modules, "-append", &line]);
    }
    Ok(qemu)
}

/// Puts the hypervisor image where QEMU finds it, decompressed if need be: its multiboot loader wants it plain.
fn plain(xen: &Path, to: &Path) -> Result<()> {
    let content = file::bytes(xen)?;
    let content = if content.starts_with(&[0x1f, 0x8b]) { setup::gunzip(xen)? } else { content };
    file::write(to, content)
}

/// Adds EFI firmware and a disk from which it starts Xen.
fn firmware(qemu: &mut Command, inputs: &Path, xen: &Path, xen_line: &str, dom0: &Boot<'_>) -> Result<()> {
    let ovmf = |name| qemu::firmware(name).context("no EFI firmware (package ovmf)");
    file::copy(&ovmf("OVMF_CODE_4M.fd")?, &inputs.join("efi-code"))?;
    file::copy(&ovmf("OVMF_VARS_4M.fd")?, &inputs.join("efi-state"))?;
    let boot = inputs.join("efi-disk/EFI/BOOT");
    folder::create(&boot)?;
    file::copy(xen, &boot.join("BOOTX64.EFI"))?;
    file::copy(&inputs.join(dom0.kernel), &boot.join("kernel"))?;
    file::copy(&inputs.join(dom0.ramdisk), &boot.join("ramdisk"))?;
    let line = dom0.line;
    let lines =
        format!("[global]\ndefault=xen\n[xen]\noptions={xen_line}\nkernel=kernel {line}\nramdisk=ramdisk\n");
    file::write(&boot.join("BOOTX64.cfg"), lines)?;
    for drive in ["if=pflash,file=efi-code,readonly=on", "if=pflash,file=efi-state", "file=fat:rw:efi-disk"] {
        qemu.arg("-drive").arg(format!("format=raw,{drive}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SHIM_4_20_CPU, configuration, memory, processor, xen_line};
    use crate::machine::options::{Mode, Options};
    use crate::machine::size::{GIB, MIB};
    use crate::setup::release::Release;

    #[test]
    fn the_guest_gets_what_was_asked_for() {
        let mut options = Options::new(Mode::DomU);
        options.memory = 67 * MIB;
        options.cmdline = "then=idle say=\"a\\b\"".to_owned();
        options.config = vec!["e820_host=1".to_owned(), "maxmem=128".to_owned()];
        let text = configuration(&options, 4096);
        assert!(text.ends_with("\ne820_host=1\nmaxmem=128\n"));
        assert!(text.contains("memory = 67\n"));
        assert!(text.contains("extra = \"then=idle say=\\\"a\\\\b\\\"\"\n"));
        assert!(text.contains("on_crash = \"preserve\"\n"));
        assert!(text.contains("ramdisk = "));
        assert!(!configuration(&options, 0).contains("ramdisk"));
    }

    #[test]
    fn a_shim_is_a_pvh_domain() {
        let mut options = Options::new(Mode::DomU);
        options.shim = true;
        let text = configuration(&options, 0);
        assert!(text.contains("\ntype = \"pvh\"\n") && text.contains("\npvshim = 1\n"), "{text}");
        assert!(text.contains("\npvshim_extra = \"loglvl=all guest_loglvl=all\"\n"), "{text}");
        options.shim = false;
        assert!(!configuration(&options, 0).contains("shim"));
    }

    #[test]
    fn the_processor_is_what_was_asked_for_last() {
        let mut options = Options::new(Mode::Dom0);
        assert_eq!(processor(&options, Release::V4_17), "max,-smap");
        options.cpu = "-xsave,phys-bits=39".to_owned();
        assert_eq!(processor(&options, Release::V4_17), "max,-smap,-xsave,phys-bits=39");
        options.memory = 128 * GIB;
        assert_eq!(processor(&options, Release::V4_17), "max,-smap,phys-bits=46,-xsave,phys-bits=39");
        let mut options = Options::new(Mode::DomU);
        options.shim = true;
        let [old, new] = [Release::V4_14, Release::V4_20].map(|release| processor(&options, release));
        assert_eq!(new, format!("{old},{SHIM_4_20_CPU}"));
    }

    #[test]
    fn what_is_for_xen_comes_last() {
        let mut options = Options::new(Mode::DomU);
        options.xen_line = "dom0_mem=2G".to_owned();
        assert!(xen_line(&options).contains(" loglvl=all guest_loglvl=all "));
        assert!(xen_line(&options).ends_with(" dom0_mem=1024M,max:1024M dom0_max_vcpus=1 dom0_mem=2G"));
        assert!(!xen_line(&Options::new(Mode::Dom0)).contains("dom0_mem"));
    }

    #[test]
    fn the_machine_holds_guest_and_dom0() {
        let mut options = Options::new(Mode::DomU);
        options.memory = 128 * GIB;
        assert!(memory(&options) >= 139 * GIB && memory(&options) <= 140 * GIB);
        assert_eq!(memory(&Options::new(Mode::Dom0)), 512 * MIB);
    }
}
