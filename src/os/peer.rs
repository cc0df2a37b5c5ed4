//! Who is at the other end of a connection on this machine.

use std::net::SocketAddrV4;

/// Whether the other end belongs to another user than this process. Where the system does not say (other
/// systems than Linux, another network namespace) nobody is a stranger.
pub fn is_stranger(here: SocketAddrV4, there: SocketAddrV4) -> bool {
    #[cfg(target_os = "linux")]
    {
        let own = nix::unistd::geteuid().as_raw();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        owner(&table, there, here).is_some_and(|owner| owner != own && owner != 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (here, there);
        false
    }
}

/// Returns the user of the socket that is bound to `bound` and connected to `to`, as `/proc/net/tcp` has it
/// (proc_net_tcp in the kernel's documentation: addresses in hexadecimal, as the memory has them).
#[cfg(any(target_os = "linux", test))]
fn owner(table: &str, bound: SocketAddrV4, to: SocketAddrV4) -> Option<u32> {
    let hexadecimal =
        |address: SocketAddrV4| format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let (bound, to) = (hexadecimal(bound), hexadecimal(to));
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == bound && fields.next()? == to;
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
        assert_eq!(owner("no table\n\n1:", at(50001), at(8080)), None);
    }

    #[test]
    fn who_connects_as_this_user_is_no_stranger() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let v4 = |address: std::net::SocketAddr| match address {
            std::net::SocketAddr::V4(v4) => v4,
            std::net::SocketAddr::V6(v6) => panic!("{v6}"),
        };
        let (here, there) = (v4(stream.local_addr().unwrap()), v4(stream.peer_addr().unwrap()));
        assert!(!is_stranger(here, there));
        #[cfg(target_os = "linux")]
        {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            assert_eq!(owner(&table, there, here), Some(nix::unistd::geteuid().as_raw()));
        }
    }
}
