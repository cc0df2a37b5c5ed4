//! Who is at the other end of a connection on this machine.

use std::net::SocketAddrV4;

/// Whether the other end belongs to another user than this process. Where the system does not say (other
/// systems than Linux, another network namespace) nobody is a stranger.
pub fn is_stranger(here: SocketAddrV4, there: SocketAddrV4) -> bool {
    #[cfg(target_os = "linux")]
    {
        let own = nix::unistd::geteuid().as_raw();
        listed_owner(there, here).is_some_and(|owner| owner != own && owner != 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (here, there);
        false
    }
}

#[cfg(target_os = "linux")]
fn listed_owner(bound: SocketAddrV4, to: SocketAddrV4) -> Option<u32> {
    // A socket of the sixth version reaches an address of the fourth, and stands in the other table then.
    let mut tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter();
    tables.find_map(|table| owner(&std::fs::read_to_string(table).unwrap_or_default(), bound, to))
}

/// Returns the user of the socket that is bound to `bound` and connected to `to`, as `/proc/net/tcp` or `tcp6` has it
/// (proc_net_tcp in the kernel's documentation: addresses in hexadecimal, as the memory has them).
#[cfg(any(target_os = "linux", test))]
fn owner(table: &str, bound: SocketAddrV4, to: SocketAddrV4) -> Option<u32> {
    let hexadecimal =
        |address: SocketAddrV4| format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let (bound, to) = (hexadecimal(bound), hexadecimal(to));
    let mapped = format!("{:016X}{:08X}", 0, u32::from_ne_bytes([0, 0, 0xFF, 0xFF]));
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let mut is =
            |address: &str| fields.next().map(|field| field.strip_prefix(&*mapped).unwrap_or(field) == address);
        let is_it = is(&bound)? && is(&to)?;
        is_it.then(|| fields.nth(4)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_owner_is_that_of_the_other_end() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 100 1 0 100 0 0 10 0\n\
            1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 101 1 0 20 4 30 10 -1\n\
            2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 102 1 0 20 4 30 10 -1\n";
        let at = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        assert_eq!(owner(table, at(50000), at(8080)), Some(1001));
        assert_eq!(owner(table, at(50001), at(8080)), None);
        let table = "  sl  local_address                         remote_address                        st \n\
            0: 0000000000000000FFFF00000100007F:C350 0000000000000000FFFF00000100007F:1F90 01 0:0 00:0 0 1002 0 1\n";
        assert_eq!(owner(table, at(50000), at(8080)), Some(1002));
        assert_eq!(owner("no table\n\n1:", at(50001), at(8080)), None);
    }

    #[test]
    fn who_connects_as_this_user_is_no_stranger() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        check(listener.accept().unwrap().0);
        drop(client);
        // Not every machine has the sixth version.
        if let Ok(_client) = TcpStream::connect((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port)) {
            check(listener.accept().unwrap().0);
        }
    }

    #[track_caller]
    fn check(stream: TcpStream) {
        let v4 = |address: std::net::SocketAddr| match address {
            std::net::SocketAddr::V4(v4) => v4,
            std::net::SocketAddr::V6(v6) => panic!("{v6}"),
        };
        let (here, there) = (v4(stream.local_addr().unwrap()), v4(stream.peer_addr().unwrap()));
        assert!(!is_stranger(here, there));
        #[cfg(target_os = "linux")]
        assert_eq!(listed_owner(there, here), Some(nix::unistd::geteuid().as_raw()));
    }
}
