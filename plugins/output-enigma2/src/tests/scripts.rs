//! The scripts are run by `sh`, with a `wget` that answers what this output would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mast_sdk::mock::Line;
use serde_json::json;
use tempfile::TempDir;

use super::boxes::read;
use super::{HOSTILE, file, get, hostile, line};

/// Takes `-O FILE` and the URL from its arguments; files are found by the last segment of a path, or by `file=`.
const WGET: &str = "#!/bin/sh\nwhile [ $# -gt 1 ]; do case $1 in -O) out=$2; shift ;; esac; shift; done\n\
    printf '%s\\n' \"$1\" >> \"$WEB/log\"\n\
    case $1 in *file=*) name=${1##*file=} ;; *) name=${1##*/}; name=${name%%\\?*} ;; esac\n\
    [ \"$name\" = servicelistreload ] || cp \"$WEB/$name\" \"$out\"\n";

/// A box in a folder.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "web", "etc/enigma2", "etc/epgimport"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine.write("bin/wget", WGET);
        let made = Command::new("chmod").arg("+x").arg(machine.path("bin/wget")).status().unwrap();
        assert!(made.success());
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Names of files in a folder, sorted.
    fn files(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Puts what this output would answer where `wget` finds it.
    fn serve(&self, line: &Line) {
        let _ = fs::remove_dir_all(self.path("web"));
        fs::create_dir_all(self.path("web")).unwrap();
        let index = file(json!({}), "bouquets.tv", line).text();
        let named = index.lines().filter_map(|line| line.split('"').nth(1));
        for name in named.chain(["channels.xml", "epgimport.sources.xml", "picons.txt", "install.sh"]) {
            self.write(&format!("web/{name}"), &file(json!({}), name, line).text());
        }
    }

    fn run(&self, script: &str, argument: &str) -> Output {
        let mut command = Command::new("sh");
        command.arg(self.path(script)).args((!argument.is_empty()).then_some(argument));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("ETC", self.path("etc")).env("WEB", self.path("web"));
        command.env("PICON_DIR", self.path("picon")).env("FOLDER", self.path("etc")).current_dir(self.folder.path());
        command.output().unwrap()
    }

    /// Runs the script of this line, which has to succeed.
    fn install(&self, argument: &str) -> String {
        let output = self.run("web/install.sh", argument);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

fn is_script(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("script");
    fs::write(path, text).unwrap();
    let output = Command::new("sh").arg("-n").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_box_gets_bouquets_once_and_loses_them_again() {
    let machine = Machine::new();
    machine.serve(&line());
    let before = "#NAME Bouquets (TV)\n#SERVICE 1:7:1:0:0:0:0:0:0:0:FROM BOUQUET \"userbouquet.favourites.tv\" ORDER BY bouquet\n";
    machine.write("etc/enigma2/bouquets.tv", &format!("{before}\r\n\n"));
    machine.write("etc/enigma2/userbouquet.favourites.tv", "#NAME Mine\n");
    machine.write("etc/enigma2/userbouquet.mast2_1.tv", "#NAME Another host's\n");
    assert_eq!(machine.install(""), "News\nMusic\n");
    let once = machine.text("etc/enigma2/bouquets.tv");
    let link =
        |file: &str| format!("#SERVICE 1:7:1:0:0:0:0:0:0:0:FROM BOUQUET \"userbouquet.{file}.tv\" ORDER BY bouquet\n");
    assert_eq!(once, format!("{before}{}{}", link("mast_1"), link("mast_2")));
    assert_eq!(read(&machine.text("etc/enigma2/userbouquet.mast_1.tv")).services.len(), 2);
    assert_eq!(machine.files("etc/epgimport"), ["mast.channels.xml", "mast.sources.xml"]);
    assert!(machine.text("web/log").ends_with("http://127.0.0.1/web/servicelistreload?mode=2\n"));
    machine.install("");
    assert_eq!(machine.text("etc/enigma2/bouquets.tv"), once);
    machine.install("uninstall");
    assert_eq!(machine.text("etc/enigma2/bouquets.tv"), before);
    let left = ["bouquets.tv", "userbouquet.favourites.tv", "userbouquet.mast2_1.tv"];
    assert_eq!(
        (machine.files("etc/enigma2"), machine.files("etc/epgimport").len()),
        (left.map(str::to_owned).to_vec(), 0)
    );
}

#[test]
fn an_update_keeps_the_owner_s_order_and_drops_what_is_gone() {
    let machine = Machine::new();
    machine.serve(&line());
    machine.install("");
    let mut lines: Vec<String> = machine.text("etc/enigma2/bouquets.tv").lines().map(str::to_owned).collect();
    lines[1..].reverse();
    machine.write("etc/enigma2/bouquets.tv", &lines.join("\n"));
    machine.install("");
    assert_eq!(machine.text("etc/enigma2/bouquets.tv"), lines.join("\n") + "\n");
    machine.serve(&Line::new("anna").channel(1, "One", "News"));
    machine.install("");
    assert_eq!(machine.files("etc/enigma2"), ["bouquets.tv", "userbouquet.mast_1.tv"]);
    assert!(!machine.text("etc/enigma2/bouquets.tv").contains("mast_2"));
}

#[test]
fn what_cannot_be_fetched_leaves_what_is_there() {
    let machine = Machine::new();
    machine.serve(&line());
    machine.install("");
    let before = machine.text("etc/enigma2/userbouquet.mast_1.tv");
    machine.write("web/userbouquet.mast_1.tv", "<html>an error</html>\n");
    fs::remove_file(machine.path("web/userbouquet.mast_2.tv")).unwrap();
    assert_eq!(machine.run("web/install.sh", "").status.code(), Some(1));
    assert_eq!(machine.text("etc/enigma2/userbouquet.mast_1.tv"), before);
    assert_eq!(machine.files("etc/enigma2"), ["bouquets.tv", "userbouquet.mast_1.tv", "userbouquet.mast_2.tv"]);
    assert_eq!(machine.text("etc/enigma2/bouquets.tv").lines().count(), 3);
}

#[test]
fn hostile_names_run_nothing() {
    let machine = Machine::new();
    machine.serve(&hostile());
    is_script(&machine.text("web/install.sh"));
    for argument in ["", "picons", "uninstall", "picons"] {
        let output = machine.run("web/install.sh", argument);
        let names = String::from_utf8(output.stdout).unwrap();
        if argument != "uninstall" {
            let expected: Vec<_> = HOSTILE.iter().map(|name| name.replace(['\r', '\n'], " ")).collect();
            assert_eq!(names.lines().collect::<Vec<_>>(), expected);
            assert_eq!(
                machine.files("etc/enigma2").iter().filter(|name| name.ends_with(".tv")).count(),
                HOSTILE.len() + 1
            );
        }
        assert_eq!(machine.files("").iter().find(|name| *name == "x"), None);
        assert_eq!(machine.files("etc").len(), 2);
    }
}

#[test]
fn logos_are_fetched_and_taken_away() {
    let machine = Machine::new();
    machine.serve(&line());
    let name = "1_0_1_1_0_4D01_0_0_0_0.png";
    machine.write(
        "web/picons.txt",
        &format!("{name} http://logos.example/logo\n../../x.png http://logos.example/logo\n1_0_2.png file:///logo\n"),
    );
    machine.write("web/logo", "PNG\n");
    machine.install("picons");
    assert_eq!(machine.files("picon"), [name]);
    machine.install("uninstall");
    assert!(machine.files("picon").is_empty());
}

#[test]
fn scripts_of_get_php_fetch_with_credentials() {
    for (kind, list) in [("enigma216_script", "enigma16"), ("enigma22_script", "dreambox")] {
        let reply = get(json!({}), &[("type", kind)], &line());
        let url = format!(
            "'http://tv.example:8080/get.php?username=anna&password=p%26%27w&type={list}&output=ts&file=userbouquet.mast_1.tv'"
        );
        assert!(reply.text().contains(&format!("    add 'userbouquet.mast_1.tv' {url} 'News'\n")), "{}", reply.text());
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"iptv.sh\""));
        let machine = Machine::new();
        machine.serve(&line());
        machine.write("web/install.sh", &reply.text());
        assert_eq!(machine.install(""), "News\nMusic\n");
        let bouquet = get(json!({}), &[("type", list), ("file", "userbouquet.mast_1.tv")], &line());
        assert_eq!(read(&bouquet.text()).services.len(), 2);
    }
}

#[test]
fn octagon_has_a_list_in_one_file() {
    let machine = Machine::new();
    let script = get(json!({}), &[("type", "octagon_script"), ("output", "hls")], &line()).text();
    assert!(
        script.contains("'http://tv.example:8080/get.php?username=anna&password=p%26%27w&type=octagon&output=hls'")
    );
    machine.write("script.sh", &script);
    assert_eq!(machine.run("script.sh", "").status.code(), Some(1));
    machine.write("web/get.php", "[TITLE]\r\nOne\r\n");
    assert!(machine.run("script.sh", "").status.success());
    assert_eq!(machine.text("etc/internettv.feed"), "[TITLE]\nOne\n");
    assert_eq!(machine.files("etc"), ["enigma2", "epgimport", "internettv.feed"]);
}

#[test]
fn a_machine_that_is_no_box_is_left_alone() {
    let machine = Machine::new();
    machine.serve(&line());
    fs::remove_dir_all(machine.path("etc/enigma2")).unwrap();
    assert_eq!(machine.run("web/install.sh", "").status.code(), Some(1));
    assert_eq!(machine.run("web/install.sh", "odd").status.code(), Some(1));
    assert_eq!(machine.files("etc"), ["epgimport"]);
}
